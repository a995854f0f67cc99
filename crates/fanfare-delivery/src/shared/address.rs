//! Where what replicas share is kept, as settings say it.

use std::fmt;
use std::sync::Arc;

use fanfare_process::catalogue::consumer::REDIS_ALLOW_PLAINTEXT;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, TlsCertificates,
};
use url::{Host, Url};

use crate::http::is_loopback;

/// Where something is kept that replicas may share.
#[derive(Clone, Debug, Default)]
pub enum Store {
    /// In the process: each has its own, and it ends with the process.
    #[default]
    Memory,
    /// In a Redis: all processes that name it share it.
    Redis(RedisAddress),
}

/// A Redis. Prints itself without its credentials.
#[derive(Clone)]
pub struct RedisAddress {
    connection: Arc<ConnectionInfo>,
    shown: String,
    /// Of whoever else than the system's authorities may vouch for it.
    ca_pem: Option<Arc<[u8]>>,
}

impl Store {
    /// Reads `memory` or a URL. Plain `redis` may not leave this machine unless
    /// `allow_plaintext`: who can write to it on the way can have events taken for
    /// delivered.
    pub(crate) fn parse(text: &str, allow_plaintext: bool) -> Result<Self, String> {
        if text == "memory" {
            return Ok(Self::Memory);
        }
        RedisAddress::parse(text, allow_plaintext).map(Self::Redis)
    }

    /// The same, with its certificate signed by an authority in `ca_pem` and nobody else.
    pub(crate) fn trusting(self, ca_pem: Option<Vec<u8>>) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Redis(address) => {
                Self::Redis(RedisAddress { ca_pem: ca_pem.map(Arc::from), ..address })
            }
        }
    }

    pub(crate) fn redis(&self) -> Option<&RedisAddress> {
        match self {
            Self::Memory => None,
            Self::Redis(address) => Some(address),
        }
    }
}

impl RedisAddress {
    fn parse(text: &str, allow_plaintext: bool) -> Result<Self, String> {
        let url: Url = text.parse().map_err(|_| "is neither `memory` nor a redis:// URL")?;
        if !matches!(url.scheme(), "redis" | "rediss") {
            return Err("is neither `memory` nor a redis:// or rediss:// URL".into());
        }
        // The client takes `#insecure` to mean that any certificate will do.
        if url.query().is_some() || url.fragment().is_some() {
            return Err("is a URL with a query or a fragment".into());
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("is a URL without a host".into());
        }
        if url.scheme() == "redis" && !allow_plaintext && !stays_here(&url) {
            return Err(format!(
                "is plain redis to another machine, so that passwords could be read and entries \
                 forged on the way; use rediss, or set {} where the network itself is private",
                REDIS_ALLOW_PLAINTEXT.name
            ));
        }
        let shown = format!(
            "{}://{}:{}{}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            url.port().unwrap_or(6379),
            url.path()
        );
        let connection = url.into_connection_info().map_err(|why| format!("is refused: {why}"))?;
        Ok(Self { connection: Arc::new(connection), shown, ca_pem: None })
    }

    /// Whether it lets us in, for `--check`.
    pub(crate) async fn answers(&self) -> Result<(), RedisError> {
        let client = self.client()?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async(&mut connection).await
    }

    /// Whether whoever reaches one has reached the other.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let ends = |it: &Self| (it.connection.addr().clone(), it.shown.clone());
        ends(self) == ends(other)
    }

    /// What dials it.
    pub(crate) fn client(&self) -> Result<Client, RedisError> {
        let connection = ConnectionInfo::clone(&self.connection);
        let (ConnectionAddr::TcpTls { .. }, Some(ca_pem)) = (connection.addr(), &self.ca_pem)
        else {
            return Client::open(connection);
        };
        let tls = TlsCertificates { client_tls: None, root_cert: Some(ca_pem.to_vec()) };
        Client::build_with_tls(connection, tls)
    }
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Redis is no scheme that the URL standard knows, so that an address is a name to it.
fn stays_here(url: &Url) -> bool {
    Host::parse(url.host_str().unwrap_or_default()).is_ok_and(|host| is_loopback(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_or_a_redis_that_is_not_in_the_clear_elsewhere() {
        let table = [
            ("memory", Ok("Memory")),
            ("redis://127.0.0.1", Ok("Redis(redis://127.0.0.1:6379)")),
            ("redis://localhost:7000/3", Ok("Redis(redis://localhost:7000/3)")),
            ("redis://[::1]:7000", Ok("Redis(redis://[::1]:7000)")),
            ("rediss://:hunter2@cache.example", Ok("Redis(rediss://cache.example:6379)")),
            ("rediss://me:hunter2@cache.example/1", Ok("Redis(rediss://cache.example:6379/1)")),
            ("redis://:hunter2@cache.example", Err("FANFARE_REDIS_ALLOW_PLAINTEXT")),
            ("redis://cache.example", Err("FANFARE_REDIS_ALLOW_PLAINTEXT")),
            ("redis://10.0.0.7", Err("FANFARE_REDIS_ALLOW_PLAINTEXT")),
            ("rediss://cache.example#insecure", Err("fragment")),
            ("rediss://cache.example?protocol=resp3", Err("query")),
            ("redis://127.0.0.1/first", Err("database")),
            ("redis://", Err("without a host")),
            ("http://127.0.0.1", Err("neither")),
            ("disk", Err("neither")),
        ];
        for (text, expected) in table {
            match (Store::parse(text, false), expected) {
                (Ok(store), Ok(shown)) => assert_eq!(format!("{store:?}"), shown),
                (Err(why), Err(part)) => {
                    assert!(why.contains(part), "{text}: {why}");
                    assert!(!why.contains("hunter2"), "{why}");
                }
                (got, _) => panic!("{text}: {got:?}"),
            }
        }
    }

    #[test]
    fn a_private_network_may_be_plain_when_that_is_said() {
        assert!(Store::parse("redis://cache.example", true).is_ok());
    }
}
