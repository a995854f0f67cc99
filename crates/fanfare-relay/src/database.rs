//! One outbox and one relay, whichever database they are in.

use fanfare_producer::Producer;
use fanfare_producer::outbox::{
    MigrateError, OutboxStatus, RelayCounts, RelayOptions, SqliteOutbox, SqliteRelay,
};
use sqlx::SqlitePool;
use sqlx::sqlite::SqlitePoolOptions;
use tokio_util::sync::CancellationToken;

use crate::settings::DatabaseAddress;

/// The outbox that the settings name.
#[derive(Clone, Debug)]
pub(crate) enum Outbox {
    Sqlite(SqlitePool, SqliteOutbox),
}

/// What relays it.
#[derive(Debug)]
pub(crate) enum OutboxRelay {
    Sqlite(SqliteRelay),
}

/// For migrations and for looks at the status; the library's relay has connections of its own.
const CONNECTIONS: u32 = 2;

impl Outbox {
    /// Connects when something is asked, and again after every failure.
    pub(crate) fn at(address: &DatabaseAddress) -> Self {
        match address {
            DatabaseAddress::Sqlite(options) => {
                let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS);
                let pool = pool.connect_lazy_with(options.as_ref().clone());
                Self::Sqlite(pool.clone(), SqliteOutbox::new(pool))
            }
        }
    }

    /// Whether the database lets us in.
    pub(crate) async fn reached(&self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(pool, _) => pool.acquire().await.map(drop),
        }
    }

    pub(crate) async fn migrate(&self) -> Result<(), MigrateError> {
        match self {
            Self::Sqlite(_, outbox) => outbox.migrate().await,
        }
    }

    /// Fails where the tables are not there.
    pub(crate) async fn status(&self) -> Result<OutboxStatus, sqlx::Error> {
        match self {
            Self::Sqlite(_, outbox) => outbox.status().await,
        }
    }

    pub(crate) fn relay(&self, producer: Producer, options: RelayOptions) -> OutboxRelay {
        match self {
            Self::Sqlite(_, outbox) => OutboxRelay::Sqlite(outbox.relay(producer).options(options)),
        }
    }
}

impl OutboxRelay {
    pub(crate) fn counts(&self) -> RelayCounts {
        match self {
            Self::Sqlite(relay) => relay.counts(),
        }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        match self {
            Self::Sqlite(relay) => relay.run(shutdown).await,
        }
    }
}
