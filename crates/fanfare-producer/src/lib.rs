//! The way in: a service publishes an event and knows that it is safe.
//!
//! ```no_run
//! use fanfare_events::{Event, UserRegistered};
//! use fanfare_producer::{Producer, ProducerConfig};
//!
//! # async fn signed_up(user: UserRegistered) -> Result<(), Box<dyn std::error::Error>> {
//! let config = ProducerConfig::new("amqp://guest:guest@127.0.0.1:5672/%2f")?;
//! let producer = Producer::connect(config).await?;
//!
//! let event = Event::of("/signup", &user)?;
//! let receipt = producer.publish(&event).await?;
//! println!("{} is safe with the broker", receipt.id);
//! # Ok(())
//! # }
//! ```
//!
//! Once [`Producer::publish`] answers `Ok`, the broker has the event on behalf of
//! every destination. Any other answer says whether the same publish may succeed
//! later ([`PublishError::is_transient`]); publishing the same event again is safe,
//! because its id stays the same.
//!
//! A service that must not lose an event between its own database and the broker writes it in
//! its own transaction: see `outbox`, behind the features `outbox-sqlite` and `outbox-postgres`.
//! One without a database may have events written to its disk while the broker is away: see
//! `spill`, behind the feature of that name.
//!
//! The crate alone stands on 174 packages, runtime and AMQP client with them; `outbox-sqlite` and
//! `spill` add 22, SQLite itself among them, `outbox-postgres` adds 39, both outboxes 42.
#![warn(missing_docs)]

mod config;
mod error;
mod message;
#[cfg(feature = "outbox")]
pub mod outbox;
mod producer;
#[cfg(feature = "spill")]
pub mod spill;

pub use config::{ConfigError, ProducerConfig};
pub use error::{ConnectError, PublishError};
pub use producer::{Producer, Receipt};
