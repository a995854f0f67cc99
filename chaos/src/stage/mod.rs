//! What the run is played on: a broker, a Redis, mock APIs, proxies, and the processes.

mod apis;
mod consumers;
mod life;
mod producers;
mod programs;
mod register;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use fanfare_broker::{BrokerConfig, DestinationNames, Namespace};
use fanfare_sandbox::broker::{BrokerNode, ExtraConfig};
use fanfare_sandbox::postgres::PostgresNode;
use fanfare_sandbox::proxy::FaultProxy;
use fanfare_sandbox::redis::RedisNode;
use tokio::sync::Mutex;
use url::Url;

pub use apis::Apis;
pub use consumers::{
    CONCURRENCY, CONSUMERS_EACH, Consumers, GRACE_S, LIMITED, RATE, RETRY_ATTEMPTS, TIMEOUT_S,
};
pub use life::{End, Life, Role};
pub use producers::{ON_POSTGRES, PRODUCERS, Producers, has_outbox};
pub use programs::Programs;
pub use register::Register;

use crate::load::DESTINATIONS;

/// Everything that stands.
#[derive(Debug)]
pub struct Stage {
    /// The broker. Who stops it, starts it again before letting go of it.
    pub node: Mutex<BrokerNode>,
    /// The Redis of the shared ledgers.
    pub redis: Mutex<RedisNode>,
    /// The database of the last producer.
    pub postgres: Mutex<PostgresNode>,
    /// The APIs, by the number of their destination.
    pub apis: Apis,
    /// The network: to the way in first, then to each destination's consumers.
    pub proxies: Vec<FaultProxy>,
    /// The consumers.
    pub consumers: Consumers,
    /// The producers.
    pub producers: Producers,
    /// Every process that ever ran.
    pub register: Register,
    /// The version of RabbitMQ.
    pub version: String,
    url: String,
    config: BrokerConfig,
    namespace: Namespace,
    folder: PathBuf,
}

/// The first part of every name on the broker.
pub const NAMESPACE: &str = "chaos";

/// RabbitMQ looks again for a delayed message that came due while it booted after 180 s, which
/// is long for a run of a minute.
const ADVANCED: &str = "{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 15000}]}";

impl Stage {
    /// Starts everything but the producers, and waits until every consumer consumes.
    pub async fn set_up(
        programs: &Programs,
        folder: &Path,
        shares_ledger: [bool; 3],
    ) -> anyhow::Result<Self> {
        let config = ExtraConfig { advanced: ADVANCED, ..ExtraConfig::default() };
        let node = BrokerNode::private_with(config).await.context("there is no broker")?;
        let redis = RedisNode::private().await.context("there is no Redis")?;
        let postgres = PostgresNode::private().await.context("there is no PostgreSQL")?;
        let url = node.url().to_owned();
        let version = node.version().await.unwrap_or_else(|_| "of unknown version".to_owned());
        let broker = address(&url)?;
        let mut proxies = Vec::new();
        for _ in 0..=DESTINATIONS.len() {
            proxies.push(FaultProxy::start(broker).await.context("a proxy cannot listen")?);
        }
        let apis = Apis::start().await?;
        let register = Register::new(folder)?;
        let consumers = Consumers::new(programs, &apis, &proxies, &url, shares_ledger, &redis)?;
        consumers.start_all(&register).await?;
        let through = through(&url, proxies[0].address())?;
        Ok(Self {
            producers: Producers::new(programs, through, postgres.url().to_owned(), folder),
            config: BrokerConfig::from_urls(&url, false)?,
            namespace: Namespace::new(NAMESPACE)?,
            node: Mutex::new(node),
            redis: Mutex::new(redis),
            postgres: Mutex::new(postgres),
            apis,
            proxies,
            consumers,
            register,
            version,
            url,
            folder: folder.to_owned(),
        })
    }

    /// The broker's URL, past every proxy.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the broker is dialled, past every proxy.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// Where logs and journals are written.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The first part of every name.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The names of a destination's objects.
    pub fn names(&self, destination: usize) -> DestinationNames {
        let name = DESTINATIONS[destination].name;
        self.namespace.destination(name).expect("a literal that is a destination's name")
    }

    /// Nothing is in anybody's way any more.
    pub async fn heal_network(&self) -> anyhow::Result<()> {
        for proxy in &self.proxies {
            proxy.heal().await.context("a proxy does not heal")?;
        }
        Ok(())
    }
}

/// `url` behind a proxy.
fn through(url: &str, proxy: SocketAddr) -> anyhow::Result<String> {
    let mut url = Url::parse(url)?;
    url.set_ip_host(proxy.ip()).map_err(|()| anyhow::anyhow!("{url} takes no address"))?;
    url.set_port(Some(proxy.port())).map_err(|()| anyhow::anyhow!("{url} takes no port"))?;
    Ok(url.into())
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let url = Url::parse(url)?;
    let host = url.host_str().context("the broker's URL names no host")?;
    let port = url.port().context("the broker's URL names no port")?;
    Ok(SocketAddr::new(host.parse().context("the broker's URL names no address")?, port))
}
