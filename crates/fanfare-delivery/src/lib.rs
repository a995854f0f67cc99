//! The way out: the engine that turns deliveries into attempts.
//!
//! An integration developer implements [`Destination`]: one call, one [`Outcome`].
//! Everything else is the engine's: consuming, retries with exponential backoff,
//! idempotency keys, deduplication, holding while an API is in trouble,
//! dead-lettering with cause and history, draining on SIGTERM.
#![warn(missing_docs)]

mod attempt;
mod batch;
mod clock;
mod consumer;
#[cfg(test)]
mod crashes;
mod decode;
mod destination;
mod ended;
mod engine;
pub mod http;
mod ledger;
mod mask;
mod metrics;
mod ordered;
mod outbox;
mod outcome;
mod permits;
mod policy;
mod replicas;
mod report;
mod reports;
#[cfg(test)]
mod rows;
mod settings;
mod shared;
mod shared_rate;
mod subscription;
mod successor;
mod work;

pub use consumer::Consumer;
pub use destination::{Attempt, Batched, Batching, Destination};
pub use ledger::{LedgerDown, LedgerSettings};
pub use ordered::{AfterDead, OrderSettings};
pub use outcome::{Outcome, Reason, Trouble};
pub use policy::{AmbiguousPolicy, InvalidRateLimit, RateLimit, RetryPolicy};
pub use report::{Report, Result as ReportedResult};
pub use settings::ConsumerSettings;
pub use shared::{RedisAddress, Store};
pub use subscription::{EventTypes, InvalidPattern};
