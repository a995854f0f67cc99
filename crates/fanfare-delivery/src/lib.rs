//! The way out: the engine that turns deliveries into attempts.
//!
//! An integration developer implements [`Destination`]: one call, one [`Outcome`].
//! Everything else is the engine's: consuming, retries with exponential backoff,
//! idempotency keys, deduplication, holding while an API is in trouble,
//! dead-lettering with cause and history, draining on SIGTERM.
#![warn(missing_docs)]

mod destination;
pub mod http;
mod outcome;

pub use destination::{Attempt, Destination};
pub use outcome::{Outcome, Reason, Trouble};
