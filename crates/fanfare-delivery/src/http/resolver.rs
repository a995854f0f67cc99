//! From an API's host to the addresses that are dialled: under a deadline, past the guard.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::CallError;
use super::guard::{AddressGuard, Blocked};

/// Resolves the names that one client calls.
#[derive(Clone)]
pub(crate) struct Resolver {
    lookup: Arc<Lookup>,
    guard: Option<AddressGuard>,
}

/// Asks for the addresses of a name; their ports are of no interest.
pub(crate) type Lookup =
    dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// Why there is nothing to dial.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("the name was not resolved within {} s", DEADLINE.as_secs())]
    Late,
    #[error("the name cannot be resolved")]
    Failed(#[source] io::Error),
    #[error("the address guard let none of the addresses through")]
    Blocked(#[source] Blocked),
}

/// Inside of the deadline for connecting, so that a mute name server is told from a mute API.
const DEADLINE: Duration = Duration::from_secs(5);

impl Resolver {
    /// Asks the operating system, and lets every address through.
    pub(crate) fn of_the_system() -> Self {
        Self::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }

    pub(crate) fn new(
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { lookup: Arc::new(lookup), guard: None }
    }

    /// The same resolver behind `guard`.
    pub(crate) fn guarded_by(&self, guard: AddressGuard) -> Self {
        Self { lookup: Arc::clone(&self.lookup), guard: Some(guard) }
    }

    pub(crate) fn guard(&self) -> Option<&AddressGuard> {
        self.guard.as_ref()
    }

    /// Connects to `host` and sends nothing, to see whether it can be reached.
    pub(crate) async fn dial(
        &self,
        host: &str,
        port: u16,
        within: Duration,
    ) -> Result<(), CallError> {
        let not_sent = |why: &dyn fmt::Display| CallError::NotSent { why: why.to_string() };
        let dialled = async {
            let mut addresses = self.addresses(host).await?;
            addresses.iter_mut().for_each(|address| address.set_port(port));
            TcpStream::connect(&*addresses).await.map_err(|error| not_sent(&error))
        };
        match timeout(within, dialled).await {
            Ok(dialled) => dialled.map(drop),
            Err(_) => Err(not_sent(&format_args!("no connection within {within:?}"))),
        }
    }

    /// What may be dialled for `host`, a name or an address.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, 0)],
            Err(_) => timeout(DEADLINE, (self.lookup)(host.to_owned()))
                .await
                .map_err(|_| ResolveError::Late)?
                .map_err(ResolveError::Failed)?,
        };
        match &self.guard {
            Some(guard) => guard.admitted(host, addresses).map_err(ResolveError::Blocked),
            None => Ok(addresses),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("guard", &self.guard).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mute_name_server_is_waited_for_five_seconds() {
        let started = Instant::now();
        let mute = Resolver::new(|_| Box::pin(std::future::pending()));
        let error = mute.addresses("api.example").await.unwrap_err();
        assert_eq!(started.elapsed(), DEADLINE);
        assert_eq!(error.to_string(), "the name was not resolved within 5 s");
    }

    #[tokio::test]
    async fn an_address_needs_no_name_server() {
        let none = Resolver::new(|name| panic!("{name} was looked up"));
        for (host, expected) in [("127.0.0.1", "127.0.0.1:0"), ("::1", "[::1]:0")] {
            assert_eq!(none.addresses(host).await.unwrap(), [expected.parse().unwrap()]);
        }
    }

    #[tokio::test]
    async fn the_system_knows_this_machine_by_its_name() {
        let addresses = Resolver::of_the_system().addresses("localhost").await.unwrap();
        assert!(!addresses.is_empty());
        assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
    }
}
