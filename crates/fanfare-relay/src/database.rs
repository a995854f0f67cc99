//! One outbox and one relay, whichever database they are in.

use std::time::Duration;

use fanfare_producer::Producer;
use fanfare_producer::outbox::{
    MigrateError, OutboxStatus, PostgresOutbox, PostgresRelay, RelayCounts, RelayOptions,
    SqliteOutbox, SqliteRelay,
};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{PgPool, SqlitePool};
use tokio_util::sync::CancellationToken;

use crate::settings::DatabaseAddress;

/// The outbox that the settings name.
#[derive(Clone, Debug)]
pub(crate) enum Outbox {
    Sqlite(SqlitePool, SqliteOutbox),
    Postgres(PgPool, PostgresOutbox),
}

/// What relays it.
#[derive(Debug)]
pub(crate) enum OutboxRelay {
    Sqlite(SqliteRelay),
    Postgres(PostgresRelay),
}

/// For migrations and for looks at the status; the library's relay has connections of its own.
const CONNECTIONS: u32 = 2;

/// How long a server that refuses connections is tried before that is told.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

impl Outbox {
    /// Connects when something is asked, and again after every failure.
    pub(crate) fn at(address: &DatabaseAddress) -> Self {
        match address {
            DatabaseAddress::Sqlite(options) => {
                let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
                let pool = pool.connect_lazy_with(options.as_ref().clone());
                Self::Sqlite(pool.clone(), SqliteOutbox::new(pool))
            }
            DatabaseAddress::Postgres(options) => {
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
                let pool = pool.acquire_timeout(CONNECT_WITHIN);
                let pool = pool.connect_lazy_with(options.as_ref().clone());
                Self::Postgres(pool.clone(), PostgresOutbox::new(pool))
            }
        }
    }

    /// Whether the database lets us in.
    pub(crate) async fn reached(&self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(pool, _) => pool.acquire().await.map(drop),
            Self::Postgres(pool, _) => pool.acquire().await.map(drop),
        }
    }

    pub(crate) async fn migrate(&self) -> Result<(), MigrateError> {
        match self {
            Self::Sqlite(_, outbox) => outbox.migrate().await,
            Self::Postgres(_, outbox) => outbox.migrate().await,
        }
    }

    /// Fails where the tables are not there.
    pub(crate) async fn status(&self) -> Result<OutboxStatus, sqlx::Error> {
        match self {
            Self::Sqlite(_, outbox) => outbox.status().await,
            Self::Postgres(_, outbox) => outbox.status().await,
        }
    }

    pub(crate) fn relay(&self, producer: Producer, options: RelayOptions) -> OutboxRelay {
        match self {
            Self::Sqlite(_, outbox) => OutboxRelay::Sqlite(outbox.relay(producer).options(options)),
            Self::Postgres(_, outbox) => {
                OutboxRelay::Postgres(outbox.relay(producer).options(options))
            }
        }
    }
}

impl OutboxRelay {
    pub(crate) fn counts(&self) -> RelayCounts {
        match self {
            Self::Sqlite(relay) => relay.counts(),
            Self::Postgres(relay) => relay.counts(),
        }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        match self {
            Self::Sqlite(relay) => relay.run(shutdown).await,
            Self::Postgres(relay) => relay.run(shutdown).await,
        }
    }
}
