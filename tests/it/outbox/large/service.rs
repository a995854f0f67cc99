//! The service that the large stories kill: it writes events for as long as it lives, and relays
//! them as a task.

use std::fs;
use std::path::Path;
use std::time::Duration;

use fanfare_broker::BrokerConfig;
use fanfare_events::Event;
use fanfare_producer::outbox::{PostgresOutbox, RelayOptions, SqliteOutbox};
use fanfare_producer::{Producer, ProducerConfig};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, SqlitePool};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::super::stage::events;

/// What it is told, in a file of its folder.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) broker: String,
    pub(super) namespace: String,
    pub(super) database: String,
}

/// Events of one subject are written by one task, one transaction after the other.
pub(super) const SUBJECTS: usize = 40;
pub(super) const EACH: usize = 5_000;
const IN_ONE_TRANSACTION: usize = 5;
/// Every so many transactions one is rolled back.
const ROLLED_BACK: usize = 10;
const ORDER: &str = "order.json";
/// All rows are counted in the end.
const RETENTION: Duration = Duration::from_secs(24 * 3_600);

/// A database with an outbox.
pub(super) trait Database: Sized {
    async fn open(place: &str) -> Result<Self, sqlx::Error>;
    async fn migrate(&self);
    fn relay(&self, producer: Producer, shutdown: CancellationToken) -> JoinHandle<()>;
    /// Enqueues `events` in one transaction, and commits it or rolls it back.
    async fn transact(&self, events: &[Event], commit: bool) -> Result<(), sqlx::Error>;
    /// Rows of a subject.
    async fn rows_of(&self, subject: &str) -> Result<i64, sqlx::Error>;
    /// All rows, and those that are not marked yet.
    async fn counted(&self) -> Result<(i64, i64), sqlx::Error>;
}

pub(super) fn subject(number: usize) -> String {
    format!("user{number:02}")
}

impl Order {
    pub(super) fn write_to(&self, folder: &Path) {
        fs::write(folder.join(ORDER), serde_json::to_vec(self).unwrap()).unwrap();
    }
}

/// Does what the order in this folder says, until it is killed.
pub(super) async fn serve<D: Database>() {
    let order: Order = serde_json::from_slice(&fs::read(ORDER).unwrap()).unwrap();
    let database = persistently(async || D::open(&order.database).await).await;
    let broker = BrokerConfig::from_urls(&order.broker, false).unwrap();
    let config = ProducerConfig::with_broker(broker, &order.namespace).unwrap();
    let producer = Producer::start(config.without_declaring());
    let relaying = database.relay(producer, CancellationToken::new());
    join_all((0..SUBJECTS).map(async |number| write(&database, &subject(number)).await)).await;
    relaying.await.unwrap();
}

/// Writes what is missing of a subject. Where nobody knows whether a commit was one, the table
/// is asked.
async fn write<D: Database>(database: &D, subject: &str) {
    loop {
        let known = persistently(async || database.rows_of(subject).await).await;
        let mut next = usize::try_from(known).unwrap();
        while next < EACH {
            let turn = next / IN_ONE_TRANSACTION;
            if turn.is_multiple_of(ROLLED_BACK) {
                let ghosts = events(&format!("ghost-of-{subject}"), next..next + 2);
                if database.transact(&ghosts, false).await.is_err() {
                    break;
                }
            }
            let batch = events(subject, next..EACH.min(next + IN_ONE_TRANSACTION));
            if database.transact(&batch, true).await.is_err() {
                break;
            }
            next += batch.len();
        }
        if next >= EACH {
            return;
        }
    }
}

/// Until the database is there again.
async fn persistently<T>(ask: impl AsyncFn() -> Result<T, sqlx::Error>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// SQLite is killed with the service that it is a part of.
pub(super) struct Sqlite {
    pool: SqlitePool,
    outbox: SqliteOutbox,
}

impl Database for Sqlite {
    async fn open(place: &str) -> Result<Self, sqlx::Error> {
        let pool = SqlitePool::connect_with(SqliteOutbox::connect_options(place)).await?;
        Ok(Self { outbox: SqliteOutbox::new(pool.clone()), pool })
    }

    async fn migrate(&self) {
        self.outbox.migrate().await.unwrap();
    }

    fn relay(&self, producer: Producer, shutdown: CancellationToken) -> JoinHandle<()> {
        let options = RelayOptions::default().retention(RETENTION);
        tokio::spawn(self.outbox.relay(producer).options(options).run(shutdown))
    }

    async fn transact(&self, events: &[Event], commit: bool) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for event in events {
            let enqueued = self.outbox.enqueue(&mut transaction, event).await;
            enqueued.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        }
        if commit { transaction.commit().await } else { transaction.rollback().await }
    }

    async fn rows_of(&self, subject: &str) -> Result<i64, sqlx::Error> {
        let rows = sqlx::query_scalar("SELECT count(*) FROM fanfare_outbox WHERE ordering_key = ?");
        rows.bind(subject).fetch_one(&self.pool).await
    }

    async fn counted(&self) -> Result<(i64, i64), sqlx::Error> {
        sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE sent_at IS NULL) FROM fanfare_outbox",
        )
        .fetch_one(&self.pool)
        .await
    }
}

pub(super) struct Postgres {
    pool: PgPool,
    outbox: PostgresOutbox,
}

impl Database for Postgres {
    async fn open(place: &str) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(SUBJECTS as u32).connect(place).await?;
        Ok(Self { outbox: PostgresOutbox::new(pool.clone()), pool })
    }

    async fn migrate(&self) {
        self.outbox.migrate().await.unwrap();
    }

    fn relay(&self, producer: Producer, shutdown: CancellationToken) -> JoinHandle<()> {
        let options = RelayOptions::default().retention(RETENTION);
        tokio::spawn(self.outbox.relay(producer).options(options).run(shutdown))
    }

    async fn transact(&self, events: &[Event], commit: bool) -> Result<(), sqlx::Error> {
        let mut transaction = self.pool.begin().await?;
        for event in events {
            let enqueued = self.outbox.enqueue(&mut transaction, event).await;
            enqueued.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        }
        if commit { transaction.commit().await } else { transaction.rollback().await }
    }

    async fn rows_of(&self, subject: &str) -> Result<i64, sqlx::Error> {
        let rows =
            sqlx::query_scalar("SELECT count(*) FROM fanfare_outbox WHERE ordering_key = $1");
        rows.bind(subject).fetch_one(&self.pool).await
    }

    async fn counted(&self) -> Result<(i64, i64), sqlx::Error> {
        sqlx::query_as(
            "SELECT count(*), count(*) FILTER (WHERE sent_at IS NULL) FROM fanfare_outbox",
        )
        .fetch_one(&self.pool)
        .await
    }
}
