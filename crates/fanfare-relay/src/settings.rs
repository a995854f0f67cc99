//! The settings of the relay.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use fanfare_broker::{BrokerConfig, Namespace};
use fanfare_process::catalogue::outbox::{
    OUTBOX_ALLOW_PLAINTEXT, OUTBOX_RETENTION, OUTBOX_TABLE, OUTBOX_URL,
};
use fanfare_process::settings::Reader;
use fanfare_process::{BrokerSettings, ProcessSettings, TopologyMode};
use fanfare_producer::outbox::{RelayOptions, SqliteOutbox};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;

/// What the relay has to know.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// How the broker is dialled.
    pub broker: BrokerConfig,
    /// The namespace there.
    pub namespace: Namespace,
    /// Whether the exchange that is published to is created.
    pub topology: TopologyMode,
    /// How it logs, is watched and stops.
    pub process: ProcessSettings,
    /// Where the outbox is.
    pub database: DatabaseAddress,
    /// Whether the outbox's tables are created.
    pub table: TableMode,
    /// Its limits.
    pub options: RelayOptions,
}

/// Where an outbox is. Shown without its password.
#[derive(Clone)]
pub enum DatabaseAddress {
    /// A file.
    Sqlite(Box<SqliteConnectOptions>),
    /// A server.
    Postgres(Box<PgConnectOptions>),
}

/// What happens at the start to the outbox's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableMode {
    /// Create or upgrade them.
    Create,
    /// Only check that they are there.
    Verify,
}

impl RelaySettings {
    /// Reads the variables of the relay.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let broker = BrokerSettings::read(reader);
        let process = ProcessSettings::read(reader);
        let allow_plaintext = reader.or_default::<bool>(&OUTBOX_ALLOW_PLAINTEXT);
        let database = reader.required_with(&OUTBOX_URL, |url| {
            // One complaint is enough.
            DatabaseAddress::parse(url, allow_plaintext.unwrap_or(true))
        });
        let table = reader
            .choice(&OUTBOX_TABLE, &[("create", TableMode::Create), ("verify", TableMode::Verify)]);
        let retention = reader.or_default::<Duration>(&OUTBOX_RETENTION);
        let (BrokerSettings { config: broker, namespace, topology }, process) = (broker?, process?);
        let options = RelayOptions::default().retention(retention?).grace(process.shutdown_grace);
        Some(Self {
            broker,
            namespace,
            topology,
            process,
            database: database?,
            table: table?,
            options,
        })
    }
}

impl DatabaseAddress {
    fn parse(url: &str, allow_plaintext: bool) -> Result<Self, String> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Self::sqlite(url),
            Some(("postgres" | "postgresql", _)) => Self::postgres(url, allow_plaintext),
            _ => Err("is neither a postgres:// nor a sqlite: URL".to_owned()),
        }
    }

    fn sqlite(url: &str) -> Result<Self, String> {
        let options: SqliteConnectOptions =
            url.parse().map_err(|_| "is no URL of a SQLite database")?;
        let file = options.get_filename().to_owned();
        // A file that the relay made would be another than the service's.
        let options = SqliteOutbox::connect_options(file).create_if_missing(false);
        Ok(Self::Sqlite(Box::new(options)))
    }

    fn postgres(url: &str, allow_plaintext: bool) -> Result<Self, String> {
        let options: PgConnectOptions =
            url.parse().map_err(|_| "is no URL of a PostgreSQL database")?;
        if !allow_plaintext && !stays_here(&options) && !is_encrypted(options.get_ssl_mode()) {
            return Err(format!(
                "may leave this machine unencrypted, so that the password could be read on the \
                 way; add ?sslmode=verify-full, or set {} where the network itself is private",
                OUTBOX_ALLOW_PLAINTEXT.name
            ));
        }
        Ok(Self::Postgres(Box::new(options.application_name("fanfare-relay"))))
    }
}

fn stays_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some()
        || host == "localhost"
        || host.starts_with('/')
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_encrypted(mode: PgSslMode) -> bool {
    match mode {
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => true,
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => false,
    }
}

impl fmt::Display for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(options) => write!(f, "sqlite:{}", options.get_filename().display()),
            Self::Postgres(options) => write!(
                f,
                "postgres://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or(options.get_username())
            ),
        }
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
