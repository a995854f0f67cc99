//! The file of a spill: an outbox that is nobody's but the spill's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;

use super::error::OpenError;
use super::room::Amount;
use crate::outbox::{FileLock, RelayOptions, SqliteOutbox, SqliteRelay, Written};
use crate::producer::Producer;

/// An open file, which nobody else uses.
#[derive(Debug)]
pub(super) struct SpillFile {
    pool: SqlitePool,
    outbox: SqliteOutbox,
    _lock: FileLock,
}

impl SpillFile {
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = FileLock::take(&lock_beside(path)).map_err(OpenError::Lock)?;
        let lock = lock.ok_or_else(|| OpenError::InUse { path: path.to_owned() })?;
        let options = SqliteOutbox::connect_options(path);
        // One writes, the other is for whoever looks.
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
        let outbox = SqliteOutbox::new(pool.clone());
        outbox.migrate().await?;
        Ok(Self { pool, outbox, _lock: lock })
    }

    /// What waits in it.
    pub(super) async fn waiting(&self) -> Result<Amount, sqlx::Error> {
        let (rows, bytes) = self.outbox.weigh().await?;
        Ok(Amount { rows, bytes })
    }

    /// Writes events in their order, all or none; they are on the disk when it returns.
    pub(super) async fn write(
        &self,
        events: impl Iterator<Item = Written<'_>>,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for event in events {
            self.outbox.write(&mut transaction, event).await?;
        }
        transaction.commit().await?;
        self.outbox.announce();
        Ok(())
    }

    /// Publishes what is in it. What was sent is of no use any more.
    pub(super) fn relay(&self, producer: Producer) -> SqliteRelay {
        let options = RelayOptions::default().retention(Duration::ZERO);
        self.outbox.relay(producer).options(options)
    }

    pub(super) async fn close(self) {
        self.pool.close().await;
    }
}

/// Of its own: the relay's lock is waited for, this one is not.
fn lock_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-spill");
    name.into()
}
