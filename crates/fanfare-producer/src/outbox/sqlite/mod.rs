//! The outbox in SQLite: one file, one relay at a time.

mod lock;
mod look;
mod relay;
mod session;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fanfare_events::Event;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Notify;

#[cfg(feature = "spill")]
pub(crate) use lock::FileLock;
pub use relay::SqliteRelay;

use super::entry::Written;
use super::error::{EnqueueError, MigrateError};
use super::status::OutboxStatus;
use crate::producer::Producer;

/// An outbox in the SQLite database of a service.
///
/// Cheap to clone. Clones wake the same relay; rows that others write, in this process or
/// another, are found by looking, within 20 ms.
#[derive(Clone, Debug)]
pub struct SqliteOutbox {
    pool: SqlitePool,
    enqueued: Arc<Notify>,
}

impl SqliteOutbox {
    /// The outbox in the database of `pool`. Call [`Self::migrate`] before anything is enqueued.
    pub fn new(pool: SqlitePool) -> Self {
        Self { pool, enqueued: Arc::default() }
    }

    /// How a database file is opened that has an outbox in it: a write-ahead log, so that the
    /// relay reads while the service writes; a commit that is on the disk when it returns
    /// (`synchronous = FULL`: with less, a power cut takes back what was committed last, and the
    /// event with it); and five seconds of patience with other writers. The file is made if there
    /// is none.
    pub fn connect_options(file: impl AsRef<Path>) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
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
    /// Events with the same subject are published in the order of their commits.
    ///
    /// # Errors
    ///
    /// When the event could never be published, or the database does not take the row.
    pub async fn enqueue(
        &self,
        transaction: &mut SqliteConnection,
        event: &Event,
    ) -> Result<(), EnqueueError> {
        let written = Written::of(event).map_err(EnqueueError::Unpublishable)?;
        self.write(transaction, written).await.map_err(EnqueueError::Database)?;
        // When the commit comes nobody knows; the relay looks often for a while.
        self.announce();
        Ok(())
    }

    /// What waits.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub async fn status(&self) -> Result<OutboxStatus, sqlx::Error> {
        table::status(&self.pool).await
    }

    /// Rows to be published, and their bytes. Reads them all.
    #[cfg(feature = "spill")]
    pub(crate) async fn weigh(&self) -> Result<(u64, u64), sqlx::Error> {
        table::weigh(&self.pool).await
    }

    pub(crate) async fn write(
        &self,
        transaction: &mut SqliteConnection,
        written: Written<'_>,
    ) -> Result<(), sqlx::Error> {
        table::insert(transaction, written).await
    }

    /// Has the relay look soon.
    pub(crate) fn announce(&self) {
        self.enqueued.notify_one();
    }

    /// A relay that publishes what is in the outbox by `producer`.
    pub fn relay(&self, producer: Producer) -> SqliteRelay {
        SqliteRelay::new(self.clone(), producer)
    }
}
