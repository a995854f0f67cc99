//! The way in that leads through an outbox in the service's own database.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use fanfare_broker::BrokerConfig;
use fanfare_producer::outbox::{RelayOptions, SqliteOutbox};
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::event::{Name, event, is_rolled_back};
use super::journal::Said;
use super::way_in::{WayIn, producer};

/// An outbox in SQLite, and its relay as a task of the same process.
#[derive(Debug)]
pub struct ThroughOutbox {
    pool: SqlitePool,
    outbox: SqliteOutbox,
    stop: CancellationToken,
    relaying: JoinHandle<()>,
}

/// Rows are counted after the run, so none is deleted in it.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl ThroughOutbox {
    /// Opens the database in `file`, and goes on publishing what is in it.
    pub async fn open(
        file: &Path,
        broker: BrokerConfig,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<Self> {
        let pool = open(file).await?;
        let outbox = SqliteOutbox::new(pool.clone());
        outbox.migrate().await?;
        let relay = outbox.relay(producer(broker, namespace, name)?);
        let stop = CancellationToken::new();
        let options = RelayOptions::default().retention(RETENTION);
        let relaying = tokio::spawn(relay.options(options).run(stop.clone()));
        Ok(Self { pool, outbox, stop, relaying })
    }

    async fn transact(&self, name: Name) -> anyhow::Result<Said> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        self.outbox.enqueue(&mut transaction, &event(name)).await?;
        if is_rolled_back(name.number) {
            transaction.rollback().await?;
            return Ok(Said::RolledBack);
        }
        transaction.commit().await?;
        Ok(Said::Committed)
    }

    async fn is_empty(&self) -> bool {
        self.outbox.status().await.is_ok_and(|status| status.pending == 0)
    }
}

impl WayIn for ThroughOutbox {
    async fn hand_over(&self, name: Name) -> Said {
        self.transact(name).await.unwrap_or(Said::Failed)
    }

    async fn close(self) {
        while !self.is_empty().await {
            sleep(LOOK_EVERY).await;
        }
        self.stop.cancel();
        // A relay that has panicked is seen by what it left.
        drop(self.relaying.await);
        self.pool.close().await;
    }
}

/// The events whose transactions were committed, by their ids, and when the relay had a confirm
/// for each, in milliseconds since the epoch.
pub async fn committed(file: &Path) -> anyhow::Result<HashMap<String, Option<f64>>> {
    let pool = open(file).await?;
    let rows = sqlx::query_as("SELECT event_id, sent_at FROM fanfare_outbox");
    let rows: Vec<(String, Option<i64>)> = rows.fetch_all(&pool).await?;
    pool.close().await;
    Ok(rows.into_iter().map(|(id, sent_at)| (id, sent_at.map(|ms| ms as f64))).collect())
}

async fn open(file: &Path) -> anyhow::Result<SqlitePool> {
    let options = SqliteOutbox::connect_options(file);
    // Each connection has a thread.
    let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await;
    pool.with_context(|| format!("the database {} cannot be opened", file.display()))
}
