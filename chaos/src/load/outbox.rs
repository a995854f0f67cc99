//! The way in that leads through an outbox in the service's own database.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use fanfare_broker::BrokerConfig;
use fanfare_producer::Producer;
use fanfare_producer::outbox::{PostgresOutbox, RelayOptions, SqliteOutbox};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, SqlitePool};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::event::{Name, event, is_rolled_back};
use super::journal::Said;
use super::way_in::{WayIn, producer};

/// An outbox, and its relay as a task of the same process.
#[derive(Debug)]
pub struct ThroughOutbox {
    database: Database,
    stop: CancellationToken,
    relaying: JoinHandle<()>,
}

#[derive(Debug)]
enum Database {
    Sqlite(SqlitePool, SqliteOutbox),
    Postgres(PgPool, PostgresOutbox),
}

/// Rows are counted after the run, so none is deleted in it.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 3_600);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A database that is killed is back after a few seconds.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

impl ThroughOutbox {
    /// Opens the database at `url`, `sqlite:FILE` or `postgres://…`, and goes on publishing what
    /// is in it.
    pub async fn open(
        url: &str,
        broker: BrokerConfig,
        namespace: &str,
        name: &str,
    ) -> anyhow::Result<Self> {
        let database = persistently(async || Database::open(url).await).await;
        persistently(async || database.migrate().await).await;
        let stop = CancellationToken::new();
        let relaying = database.relay(producer(broker, namespace, name)?, stop.clone());
        Ok(Self { database, stop, relaying })
    }
}

impl WayIn for ThroughOutbox {
    async fn hand_over(&self, name: Name) -> Said {
        self.database.transact(name).await.unwrap_or(Said::Failed)
    }

    async fn close(self) {
        while !self.database.is_empty().await {
            sleep(LOOK_EVERY).await;
        }
        self.stop.cancel();
        // A relay that has panicked is seen by what it left.
        drop(self.relaying.await);
        self.database.close().await;
    }
}

impl Database {
    async fn open(url: &str) -> anyhow::Result<Self> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let options = SqliteOutbox::connect_options(file);
            // Each connection has a thread.
            let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await?;
            return Ok(Self::Sqlite(pool.clone(), SqliteOutbox::new(pool)));
        }
        let options = PgPoolOptions::new().max_connections(4).acquire_timeout(CONNECT_WITHIN);
        let pool = options.connect(url).await?;
        Ok(Self::Postgres(pool.clone(), PostgresOutbox::new(pool)))
    }

    async fn migrate(&self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(_, outbox) => outbox.migrate().await?,
            Self::Postgres(_, outbox) => outbox.migrate().await?,
        }
        Ok(())
    }

    fn relay(&self, producer: Producer, stop: CancellationToken) -> JoinHandle<()> {
        let options = RelayOptions::default().retention(RETENTION);
        match self {
            Self::Sqlite(_, outbox) => {
                tokio::spawn(outbox.relay(producer).options(options).run(stop))
            }
            Self::Postgres(_, outbox) => {
                tokio::spawn(outbox.relay(producer).options(options).run(stop))
            }
        }
    }

    async fn transact(&self, name: Name) -> anyhow::Result<Said> {
        let (event, is_rolled_back) = (event(name), is_rolled_back(name.number));
        match self {
            Self::Sqlite(pool, outbox) => {
                let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                outbox.enqueue(&mut transaction, &event).await?;
                if is_rolled_back {
                    transaction.rollback().await
                } else {
                    transaction.commit().await
                }
            }
            Self::Postgres(pool, outbox) => {
                let mut transaction = pool.begin().await?;
                outbox.enqueue(&mut transaction, &event).await?;
                if is_rolled_back {
                    transaction.rollback().await
                } else {
                    transaction.commit().await
                }
            }
        }?;
        Ok(if is_rolled_back { Said::RolledBack } else { Said::Committed })
    }

    async fn is_empty(&self) -> bool {
        let status = match self {
            Self::Sqlite(_, outbox) => outbox.status().await,
            Self::Postgres(_, outbox) => outbox.status().await,
        };
        status.is_ok_and(|status| status.pending == 0)
    }

    /// The ids of all rows, and when each was marked, in milliseconds since the epoch.
    async fn rows(&self) -> Result<Vec<(String, Option<f64>)>, sqlx::Error> {
        match self {
            Self::Sqlite(pool, _) => {
                let rows = "SELECT event_id, CAST(sent_at AS REAL) FROM fanfare_outbox";
                sqlx::query_as(rows).fetch_all(pool).await
            }
            Self::Postgres(pool, _) => {
                let rows = "SELECT event_id, (extract(epoch FROM sent_at) * 1000)::double precision \
                     FROM fanfare_outbox";
                sqlx::query_as(rows).fetch_all(pool).await
            }
        }
    }

    async fn close(self) {
        match self {
            Self::Sqlite(pool, _) => pool.close().await,
            Self::Postgres(pool, _) => pool.close().await,
        }
    }
}

/// The events whose transactions were committed, by their ids, and when the relay had a confirm
/// for each, in milliseconds since the epoch.
pub async fn committed(url: &str) -> anyhow::Result<HashMap<String, Option<f64>>> {
    let database = Database::open(url).await.context("the database cannot be opened")?;
    let rows = database.rows().await?;
    database.close().await;
    Ok(rows.into_iter().collect())
}

/// A database that is away comes back.
async fn persistently<T>(ask: impl AsyncFn() -> anyhow::Result<T>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => eprintln!("the database does not answer: {error:#}"),
        }
        sleep(LOOK_EVERY).await;
    }
}
