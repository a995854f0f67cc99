//! What happens after an attempt: pure functions over values and a passed-in time.

mod accord;
mod breaker;
mod budget;
mod company;
mod concurrency;
mod doubt;
mod gate;
mod loners;
mod rate;
mod rate_hint;
mod retry;
mod sign;

pub(crate) use accord::{Accord, Lesson, Standing};
pub(crate) use breaker::{Breaker, Charge};
pub(crate) use budget::{Cost, RetryBudget};
pub(crate) use company::{Company, is_poison};
pub(crate) use concurrency::{Concurrency, Load};
pub(crate) use doubt::Doubt;
pub(crate) use gate::{Admission, Answered, Gate};
pub(crate) use loners::Loners;
pub use rate::{InvalidRateLimit, RateLimit};
pub(crate) use rate::{Place, RateWindow, Wait};
pub use rate_hint::RateHint;
pub(crate) use rate_hint::{Asked, HintedLimit};
pub use retry::{AmbiguousPolicy, RetryPolicy};
pub(crate) use retry::{Circumstances, Next};
pub(crate) use sign::Sign;
