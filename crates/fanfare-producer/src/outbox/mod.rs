//! An event that is safe with the service's own data: written in its transaction, published
//! after it.
//!
//! ```no_run
//! use fanfare_events::{Event, UserRegistered};
//! use fanfare_producer::outbox::SqliteOutbox;
//! use fanfare_producer::{Producer, ProducerConfig};
//! use sqlx::SqlitePool;
//!
//! # async fn service(user: UserRegistered) -> Result<(), Box<dyn std::error::Error>> {
//! let pool = SqlitePool::connect_with(SqliteOutbox::connect_options("service.db")).await?;
//! let outbox = SqliteOutbox::new(pool.clone());
//! outbox.migrate().await?;
//!
//! // Somewhere in the background. The broker need not be there.
//! let config = ProducerConfig::new("amqp://guest:guest@127.0.0.1:5672/%2f")?;
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! tokio::spawn(outbox.relay(Producer::start(config)).run(shutdown.clone()));
//!
//! // Wherever something happens.
//! let mut transaction = pool.begin().await?;
//! sqlx::query("INSERT INTO users (id) VALUES (?)")
//!     .bind(user.user_id.clone())
//!     .execute(&mut *transaction)
//!     .await?;
//! outbox.enqueue(&mut transaction, &Event::of("/signup", &user)?).await?;
//! transaction.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! What commits is published at least once, also when the service or the broker dies in between;
//! what is rolled back never is. Events with one subject are published in the order of their
//! commits. A copy has the same id, and with it the same idempotency key at every destination.
//! The one exception: where the broker refuses an event (a queue that is full and says so, a
//! permission that is missing), those of the same subject that were on their way with it may
//! overtake it; later ones wait behind it.
//!
//! In PostgreSQL it is the same with `PostgresOutbox` and a `PgPool`, behind the feature
//! `outbox-postgres`.
//!
//! The caller's transaction is one of sqlx 0.9, which is part of this interface.

pub(crate) mod at_hand;
mod dispatch;
mod entry;
mod error;
mod options;
#[cfg(feature = "outbox-postgres")]
mod postgres;
#[cfg(feature = "outbox-sqlite")]
mod sqlite;
mod status;

#[doc(hidden)]
pub use at_hand::{AtHand, KeyHash, Marks, RowId, RowVerdict, Strand};
#[cfg(feature = "spill")]
pub(crate) use entry::Written;
pub use error::{EnqueueError, MigrateError};
pub use options::RelayOptions;
#[cfg(feature = "outbox-postgres")]
pub use postgres::{PostgresOutbox, PostgresRelay};
#[cfg(feature = "spill")]
pub(crate) use sqlite::FileLock;
#[cfg(feature = "outbox-sqlite")]
pub use sqlite::{SqliteOutbox, SqliteRelay};
pub use status::{OutboxStatus, RelayCounts};
