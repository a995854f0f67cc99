//! The databases with an outbox in them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanfare_events::Event;
use fanfare_producer::Producer;
use fanfare_producer::outbox::{PostgresOutbox, RelayCounts, SqliteOutbox};
use fanfare_sandbox::postgres::PostgresNode;
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A database of a service that has an outbox in it.
pub(super) trait Database {
    /// Changes data, enqueues `events`, and commits; how long the events took.
    async fn transact(&self, events: &[Event]) -> anyhow::Result<Duration>;

    /// Relays as a task.
    fn relay(
        &self,
        producer: Producer,
        shutdown: CancellationToken,
    ) -> (RelayCounts, JoinHandle<()>);

    /// Rows that are not marked yet.
    async fn pending(&self) -> anyhow::Result<u64>;

    /// Writes rows that were sent.
    async fn fill_with_sent(&self, rows: usize) -> anyhow::Result<()>;
}

#[derive(Debug)]
pub(super) struct InSqlite {
    pool: SqlitePool,
    outbox: SqliteOutbox,
    _folder: TempDir,
}

#[derive(Debug)]
pub(super) struct InPostgres {
    pool: PgPool,
    outbox: PostgresOutbox,
}

/// What the service itself is there for.
const CREATE: &str = "CREATE TABLE data (number bigint)";
const CHANGE: &str = "INSERT INTO data (number) VALUES (1)";

impl InSqlite {
    pub(super) async fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = SqliteOutbox::connect_options(folder.path().join("service.db"));
        let pool = SqlitePool::connect_with(options).await?;
        let outbox = SqliteOutbox::new(pool.clone());
        outbox.migrate().await?;
        sqlx::query(CREATE).execute(&pool).await?;
        Ok(Self { pool, outbox, _folder: folder })
    }
}

impl InPostgres {
    pub(super) async fn new(node: &PostgresNode) -> anyhow::Result<Self> {
        static DATABASES: AtomicUsize = AtomicUsize::new(0);
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let pool = PgPool::connect(&node.database(&format!("service{number}")).await?).await?;
        let outbox = PostgresOutbox::new(pool.clone());
        outbox.migrate().await?;
        sqlx::query(CREATE).execute(&pool).await?;
        Ok(Self { pool, outbox })
    }
}

impl Database for InSqlite {
    async fn transact(&self, events: &[Event]) -> anyhow::Result<Duration> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(CHANGE).execute(&mut *transaction).await?;
        let began = Instant::now();
        for event in events {
            self.outbox.enqueue(&mut transaction, event).await?;
        }
        let took = began.elapsed();
        transaction.commit().await?;
        Ok(took)
    }

    fn relay(
        &self,
        producer: Producer,
        shutdown: CancellationToken,
    ) -> (RelayCounts, JoinHandle<()>) {
        let relay = self.outbox.relay(producer);
        (relay.counts(), tokio::spawn(relay.run(shutdown)))
    }

    async fn pending(&self) -> anyhow::Result<u64> {
        Ok(self.outbox.status().await?.pending)
    }

    async fn fill_with_sent(&self, rows: usize) -> anyhow::Result<()> {
        let statement = format!(
            "INSERT INTO fanfare_outbox (event_id, event_type, body, sent_at) \
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
             SELECT 'old-' || i, 'bench.happened', zeroblob(500), unixepoch() * 1000 FROM n"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.pool).await?;
        Ok(())
    }
}

impl Database for InPostgres {
    async fn transact(&self, events: &[Event]) -> anyhow::Result<Duration> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(CHANGE).execute(&mut *transaction).await?;
        let began = Instant::now();
        for event in events {
            self.outbox.enqueue(&mut transaction, event).await?;
        }
        let took = began.elapsed();
        transaction.commit().await?;
        Ok(took)
    }

    fn relay(
        &self,
        producer: Producer,
        shutdown: CancellationToken,
    ) -> (RelayCounts, JoinHandle<()>) {
        let relay = self.outbox.relay(producer);
        (relay.counts(), tokio::spawn(relay.run(shutdown)))
    }

    async fn pending(&self) -> anyhow::Result<u64> {
        Ok(self.outbox.status().await?.pending)
    }

    async fn fill_with_sent(&self, rows: usize) -> anyhow::Result<()> {
        let statement = format!(
            "INSERT INTO fanfare_outbox (event_id, event_type, body, sent_at) \
             SELECT 'old-' || i, 'bench.happened', decode(repeat('00', 500), 'hex'), now() \
             FROM generate_series(1, {rows}) AS i; ANALYZE fanfare_outbox"
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&self.pool).await?;
        Ok(())
    }
}
