//! One test's world: a vhost of its own on a real broker.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use fanfare_broker::control::{News, Notice};
use fanfare_broker::topology::{DestinationPlan, Level, Topology, declare};
use fanfare_broker::{
    BrokerConfig, Browser, DestinationNames, Inspector, Namespace, Publisher, PublisherOptions,
    Received, Route,
};
use fanfare_events::Event;
use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::broker::{
    self, BrokerCluster, BrokerNode, NODE_HOME_VARIABLE, Permissions, Wishes,
};
use fanfare_sandbox::proxy::FaultProxy;
use tokio::sync::MutexGuard;

use crate::cluster;
use crate::wait::eventually;

/// A broker to play on.
#[derive(Debug)]
pub struct World {
    node: Node,
    url: String,
    vhost: Option<String>,
    config: BrokerConfig,
    namespace: Namespace,
}

#[derive(Debug)]
enum Node {
    Shared(&'static BrokerNode),
    Own(Box<BrokerNode>),
    Cluster(MutexGuard<'static, BrokerCluster>),
}

impl World {
    /// A vhost on the node that all tests share.
    pub async fn start() -> Self {
        let home = environment(NODE_HOME_VARIABLE).map(PathBuf::from);
        let node = broker::shared(&wishes(), home.as_deref()).await.expect("a broker to test with");
        let vhost = unique("world");
        let url = node.vhost(&vhost).await.expect("a vhost of one's own");
        Self::at(Node::Shared(node), url, Some(vhost))
    }

    /// A node of its own, to be stopped, killed and restarted.
    pub async fn with_own_node() -> Self {
        Self::with_own_node_of("").await
    }

    /// The same, with lines of a `rabbitmq.conf`.
    pub async fn with_own_node_of(config: &str) -> Self {
        let node = BrokerNode::own(&wishes(), config).await.expect("a broker of one's own");
        let url = node.url().to_owned();
        Self::at(Node::Own(Box::new(node)), url, None)
    }

    /// A vhost on a cluster of three nodes, each of which may be stopped and killed: only one
    /// story at a time has it.
    pub async fn on_cluster() -> Self {
        let cluster = cluster::turn().await;
        let vhost = unique("world");
        let urls = cluster.vhost(&vhost).await.expect("a vhost of one's own");
        Self::at(Node::Cluster(cluster), urls, Some(vhost))
    }

    fn at(node: Node, url: String, vhost: Option<String>) -> Self {
        let config = BrokerConfig::from_urls(&url, false).expect("a loopback URL");
        let namespace = Namespace::new("t").expect("a valid namespace");
        Self { node, url, vhost, config, namespace }
    }

    /// The broker's URL, with this world's vhost; for a cluster, those of all its nodes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the broker is dialled.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// The namespace of this world.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The vhost's name, on a shared node.
    pub fn vhost(&self) -> &str {
        self.vhost.as_deref().unwrap_or("/")
    }

    /// The broker, to look at and to configure.
    pub fn node(&self) -> &BrokerNode {
        match &self.node {
            Node::Shared(node) => node,
            Node::Own(node) => node,
            Node::Cluster(_) => panic!("a cluster has several nodes"),
        }
    }

    /// The cluster, to look at. Only a world on a cluster has it.
    pub fn cluster(&self) -> &BrokerCluster {
        match &self.node {
            Node::Cluster(cluster) => cluster,
            Node::Shared(_) | Node::Own(_) => panic!("one node is no cluster"),
        }
    }

    /// The cluster, to lose nodes of.
    pub fn own_cluster(&mut self) -> &mut BrokerCluster {
        match &mut self.node {
            Node::Cluster(cluster) => cluster,
            Node::Shared(_) | Node::Own(_) => panic!("one node is no cluster"),
        }
    }

    /// The broker, to stop and to kill. Only a world with its own node has it.
    pub fn own_node(&mut self) -> &mut BrokerNode {
        match &mut self.node {
            Node::Shared(_) => panic!("a shared node is not to be stopped"),
            Node::Own(node) => node,
            Node::Cluster(_) => panic!("a cluster has several nodes"),
        }
    }

    /// The URL of the same world behind a proxy at `address`.
    pub fn url_through(&self, address: SocketAddr) -> String {
        let mut url = url::Url::parse(&self.url).expect("the URL parsed before");
        url.set_ip_host(address.ip()).expect("an IP address is a host");
        url.set_port(Some(address.port())).expect("amqp URLs have ports");
        url.into()
    }

    /// How the same world is dialled behind a proxy at `address`.
    pub fn config_through(&self, address: SocketAddr) -> BrokerConfig {
        BrokerConfig::from_urls(&self.url_through(address), false).expect("a loopback URL")
    }

    /// Where the broker listens.
    pub fn address(&self) -> SocketAddr {
        let url = url::Url::parse(&self.url).expect("the URL parsed before");
        let host = url.host_str().and_then(|host| host.parse().ok());
        let port = url.port().expect("amqp URLs have ports");
        SocketAddr::new(host.expect("a node's URL names a loopback address"), port)
    }

    /// A proxy to the broker.
    pub async fn proxy(&self) -> FaultProxy {
        FaultProxy::start(self.address()).await.expect("loopback has free ports")
    }

    /// The URL of a user who may do here what `permissions` say, with the password `secret`;
    /// one in each world. Users belong to the node, so the name is made from the vhost's.
    pub async fn user(&self, permissions: Permissions<'_>) -> String {
        let (vhost, name) = (self.vhost(), format!("{}-user", self.vhost()));
        self.node()
            .add_user(&name, "secret", vhost, permissions)
            .await
            .expect("a user can be added")
    }

    /// The names of a destination's objects.
    pub fn names(&self, destination: &str) -> DestinationNames {
        self.namespace.destination(destination).expect("a valid destination")
    }

    /// Declares a destination that takes every event.
    pub async fn declare(&self, destinations: &[&str]) {
        let plans: Vec<_> = destinations
            .iter()
            .map(|name| DestinationPlan::new(&self.namespace, name, &[]).expect("a valid name"))
            .collect();
        declare(&self.config, &Topology::of(&self.namespace, &plans))
            .await
            .expect("a fresh vhost takes the topology");
    }

    /// Declares a destination whose events are handed to one consumer at a time.
    pub async fn declare_ordered(&self, destination: &str) {
        let plan = DestinationPlan::new(&self.namespace, destination, &[]).expect("a valid name");
        declare(&self.config, &Topology::of(&self.namespace, &[plan.ordered()]))
            .await
            .expect("a fresh vhost takes the topology");
    }

    /// A connected producer.
    pub async fn producer(&self) -> Producer {
        let config = ProducerConfig::in_namespace(self.config.clone(), self.namespace.clone());
        Producer::connect(config).await.expect("the broker is there")
    }

    /// Publishes `events`, each of which some queue takes.
    pub async fn publish(&self, events: &[Event]) {
        let producer = self.producer().await;
        for receipt in producer.publish_all(events).await {
            assert!(receipt.expect("the broker is there").routed, "somebody subscribes to it");
        }
        producer.close().await;
    }

    /// Writes `news` of now into the control log of a destination, as an operator or a replica
    /// would.
    pub async fn tell(&self, destination: &str, news: News) {
        let publisher = Publisher::start(&self.config, "tests", PublisherOptions::default());
        let control = self.names(destination).control();
        let route = Route::new(&control, "").expect("a control log has a route");
        let message = Notice::new(now_ms(), news).message("from-a-test").expect("news are small");
        let verdict = publisher.publish(&route, message).await.expect("the broker is there");
        assert!(verdict.routed, "{control} is there");
        publisher.close().await;
    }

    /// How many messages wait in `queue`.
    pub async fn ready(&self, queue: &str) -> u64 {
        let inspector = Inspector::connect(&self.config).await.expect("the broker is there");
        let depth = inspector.depth(queue).await.expect("queues may be looked at");
        inspector.close().await;
        depth.map_or(0, |depth| depth.ready)
    }

    /// Waits until `queue` holds exactly `count` messages that nobody has taken.
    pub async fn until_ready(&self, queue: &str, count: u64) {
        let what = format!("{count} messages in {queue}");
        eventually(&what, async || (self.ready(queue).await == count).then_some(())).await;
    }

    /// Waits until exactly `count` consumers consume `queue`.
    pub async fn until_consumers(&self, queue: &str, count: u32) {
        let inspector = Inspector::connect(&self.config).await.expect("the broker is there");
        eventually(&format!("{count} consumers of {queue}"), async || {
            let depth = inspector.depth(queue).await.expect("queues may be looked at");
            (depth.map_or(0, |depth| depth.consumers) == count).then_some(())
        })
        .await;
        inspector.close().await;
    }

    /// How many messages of a destination are in its delay line.
    pub async fn delayed(&self, destination: &str) -> u64 {
        let names = self.names(destination);
        let inspector = Inspector::connect(&self.config).await.expect("the broker is there");
        let mut delayed = 0;
        for level in Level::all() {
            let depth =
                inspector.depth(&names.delay(level)).await.expect("queues may be looked at");
            delayed += depth.map_or(0, |depth| depth.ready);
        }
        inspector.close().await;
        delayed
    }

    /// Waits until exactly `count` messages of a destination are in its delay line.
    pub async fn until_delayed(&self, destination: &str, count: u64) {
        let what = format!("{count} messages in the delay line of {destination}");
        eventually(&what, async || (self.delayed(destination).await == count).then_some(())).await;
    }

    /// Waits until a destination holds: an event that it could not take is delayed.
    pub async fn until_held(&self, destination: &str) {
        eventually(&format!("{destination} to hold"), async || {
            (self.delayed(destination).await > 0).then_some(())
        })
        .await;
    }

    /// Waits until nothing of a destination waits or is delayed.
    pub async fn until_drained(&self, destination: &str) {
        let queue = self.names(destination).queue().to_owned();
        eventually(&format!("everything of {destination} to settle"), async || {
            let waiting = self.ready(&queue).await + self.delayed(destination).await;
            (waiting == 0).then_some(())
        })
        .await;
    }

    /// The messages in `queue`, which stay there.
    pub async fn read(&self, queue: &str) -> Vec<Received> {
        let mut browser = Browser::open(&self.config, queue).await.expect("the queue exists");
        let mut messages = Vec::new();
        while let Some(browsed) = browser.next().await.expect("the broker stays") {
            messages.push(browsed.message);
        }
        assert_eq!(browser.left(), 0, "somebody else holds messages of {queue}");
        browser.close().await;
        messages
    }

    /// Ends the world, with everything that is left in it.
    pub async fn end(self) {
        let Some(vhost) = self.vhost else { return };
        let deleted = match self.node {
            Node::Shared(node) => node.delete_vhost(&vhost).await,
            Node::Cluster(cluster) => cluster.delete_vhost(&vhost).await,
            // It ends with all that is in it.
            Node::Own(_) => Ok(()),
        };
        deleted.expect("a vhost that was made can be deleted");
    }
}

fn wishes() -> Wishes {
    Wishes {
        url: environment("FANFARE_TEST_AMQP_URL"),
        image: environment("FANFARE_RABBITMQ_IMAGE"),
    }
}

fn environment(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the harness is told its broker by xtask")]
    std::env::var(name).ok()
}

/// Now, in milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later");
    u64::try_from(now.as_millis()).expect("milliseconds fit for a while")
}

/// Names that no other test of this run, in any process, uses.
fn unique(what: &str) -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
