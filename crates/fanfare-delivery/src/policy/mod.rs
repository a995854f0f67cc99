//! What happens after an attempt: pure functions over values and a passed-in time.

mod gate;
mod retry;

pub(crate) use gate::{Admission, Gate};
pub use retry::{AmbiguousPolicy, RetryPolicy};
pub(crate) use retry::{Circumstances, Next};
