//! What happens after an attempt: pure functions over values and a passed-in time.

#[cfg_attr(not(test), expect(dead_code, reason = "the engine takes it up next"))]
mod breaker;
#[cfg_attr(not(test), expect(dead_code, reason = "the engine takes it up next"))]
mod budget;
mod gate;
#[cfg_attr(not(test), expect(dead_code, reason = "the engine takes it up next"))]
mod rate;
#[cfg_attr(not(test), expect(dead_code, reason = "the engine takes it up next"))]
mod rate_hint;
mod retry;

pub(crate) use gate::{Admission, Gate};
pub use rate::{InvalidRateLimit, RateLimit};
pub use rate_hint::RateHint;
pub use retry::{AmbiguousPolicy, RetryPolicy};
pub(crate) use retry::{Circumstances, Next};
