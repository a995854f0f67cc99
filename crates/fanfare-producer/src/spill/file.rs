//! The file of a spill: an outbox that is nobody's but the spill's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection, SqliteConnection, SqlitePool};

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
        let mut connection = self.pool.acquire().await?;
        let written = self.write_by(&mut connection, events).await;
        if written.is_err() {
            // Of a full disk SQLite rolls back by itself, of which the driver does not know.
            connection.close_on_drop();
        }
        self.outbox.announce();
        written
    }

    async fn write_by(
        &self,
        connection: &mut SqliteConnection,
        events: impl Iterator<Item = Written<'_>>,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for event in events {
            self.outbox.write(&mut transaction, event).await?;
        }
        transaction.commit().await
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

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;

    /// Every connection that there is may have the file grow to so many pages.
    async fn limit(file: &SpillFile, pages: u32) {
        let all = [file.pool.acquire().await.unwrap(), file.pool.acquire().await.unwrap()];
        for mut connection in all {
            let statement = AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
            sqlx::query(statement).execute(&mut *connection).await.unwrap();
        }
    }

    #[tokio::test]
    async fn after_the_disk_was_full_it_is_written_to_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = SpillFile::open(&folder.path().join("spill.db")).await.unwrap();
        let write = async |bytes: usize| {
            let body = vec![b'x'; bytes];
            let id = bytes.to_string();
            let written = Written { event_id: &id, event_type: "test", ordering_key: None, body };
            file.write(std::iter::once(written)).await
        };
        limit(&file, 40).await;
        let full = write(1024 * 1024).await.unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        limit(&file, 1_000_000).await;
        // By whichever connection.
        for bytes in 1..=4 {
            write(bytes).await.unwrap();
        }
        assert_eq!(file.waiting().await.unwrap(), Amount { rows: 4, bytes: 10 });
    }
}
