//! The outbox in PostgreSQL: as many relays as one likes share its lanes.

mod announced;
mod held;
mod relay;
mod session;
mod table;

use fanfare_events::Event;
use sqlx::{PgConnection, PgPool};

pub use relay::PostgresRelay;

use super::entry::Written;
use super::error::{EnqueueError, MigrateError};
use super::status::OutboxStatus;
use crate::producer::Producer;

/// An outbox in the PostgreSQL database of a service, in the schema that its connections write
/// to (the first of their `search_path`).
///
/// Cheap to clone. Rows are announced to all relays when their transaction commits, whoever
/// writes them.
///
/// ```no_run
/// # use fanfare_producer::{Producer, outbox::PostgresOutbox};
/// # async fn service(pool: sqlx::PgPool, producer: Producer) -> Result<(), Box<dyn std::error::Error>> {
/// let outbox = PostgresOutbox::new(pool);
/// outbox.migrate().await?;
/// let shutdown = tokio_util::sync::CancellationToken::new();
/// tokio::spawn(outbox.relay(producer).run(shutdown.clone()));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresOutbox {
    pool: PgPool,
}

impl PostgresOutbox {
    /// The outbox in the database of `pool`. Call [`Self::migrate`] before anything is enqueued.
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Sets up the outbox's tables, or brings them up to date. Several processes may do so at
    /// the same time.
    ///
    /// # Errors
    ///
    /// When the database is away or refuses, or a newer version of this library was here.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        table::migrate(&self.pool).await
    }

    /// Writes `event` in the caller's transaction: one insert. If the transaction commits, the
    /// event will be published; if it is rolled back, there was none.
    ///
    /// Events with the same subject are published in the order of their commits. For this,
    /// transactions that write such events wait for each other, from here to their ends: best
    /// enqueue last. Who enqueues events of several subjects in one transaction does so in an
    /// order that is always the same, or expects PostgreSQL to end a deadlock with an error.
    ///
    /// # Errors
    ///
    /// When the event could never be published, or the database does not take the row.
    pub async fn enqueue(
        &self,
        transaction: &mut PgConnection,
        event: &Event,
    ) -> Result<(), EnqueueError> {
        let written = Written::of(event).map_err(EnqueueError::Unpublishable)?;
        table::insert(transaction, written).await.map_err(EnqueueError::Database)
    }

    /// What waits.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn status(&self) -> Result<OutboxStatus, sqlx::Error> {
        table::status(&self.pool).await
    }

    /// A relay that publishes what is in the outbox by `producer`.
    pub fn relay(&self, producer: Producer) -> PostgresRelay {
        PostgresRelay::new(self.pool.clone(), producer)
    }
}
