//! Three nodes of our own in one cluster, each of which can be lost.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::future::try_join_all;
use nix::sys::signal::Signal;

use super::control::Control;
use super::error::{NodeError, ProvisionError, StartError};
use super::ground::Ground;
use super::local::{LocalNode, Ports};
use super::private::TRIES;
use super::process::NodeProcess;
use super::{ExtraConfig, in_vhost, login, provision};
use crate::system::free_ports;

/// Three `rabbitmq-server` processes that form a cluster; dropping it leaves none of them.
///
/// Nodes are numbered from 0, in the order of [`urls`](Self::urls).
#[derive(Debug)]
pub struct BrokerCluster {
    // Dropped before their ground.
    nodes: Vec<NodeProcess>,
    ground: Ground,
}

/// A majority of three survives the loss of any one.
const NODES: usize = 3;

/// As the operator's page has it: a node that falls silent is taken for lost after 15 s and not
/// after a minute, and one that was cut off does not go on by itself. But leaders stay where their
/// queues were declared: the loss of one node can be that of all.
const CONFIG: &str = "\
net_ticktime = 15
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
";

/// What dead-lettering was refused is tried again after so long, and not after three minutes:
/// the operator's page says why.
const ADVANCED: &str = "{rabbit, [{dead_letter_worker_publisher_confirm_timeout, 15000}]}";

impl BrokerCluster {
    /// Starts three nodes, installing RabbitMQ if it is missing; returns when all accept a
    /// login.
    pub async fn private() -> Result<Self, ProvisionError> {
        let scripts = provision::scripts().await?;
        let mut last = Self::launch(&scripts).await;
        for _ in 1..TRIES {
            if !matches!(last, Err(StartError::Ended { .. })) {
                break;
            }
            last = Self::launch(&scripts).await;
        }
        Ok(last?)
    }

    async fn launch(scripts: &Path) -> Result<Self, StartError> {
        let [epmd] = free_ports().map_err(failed("finding a free port"))?;
        let ports: [u16; 2 * NODES] = free_ports().map_err(failed("finding free ports"))?;
        let (amqp, distribution) = ports.split_at(NODES);
        let ports = amqp.iter().zip(distribution);
        let ports: Vec<_> =
            ports.map(|(&amqp, &distribution)| Ports { amqp, distribution, epmd }).collect();
        let ground = Ground::new(epmd)?;
        let nodes = ports
            .iter()
            .map(|own| lay_out(ground.home(), scripts, &ports, *own).map(NodeProcess::new))
            .collect::<io::Result<Vec<_>>>()
            .map_err(failed("laying out the nodes' folders"))?;
        let mut cluster = Self { nodes, ground };
        // The first alone: nodes that all find nobody may found a cluster each.
        cluster.start(0).await?;
        let group = cluster.ground.group();
        try_join_all(cluster.nodes.iter_mut().map(|node| node.start(group))).await?;
        Ok(cluster)
    }

    /// How many nodes there are, whether they run or not.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes' URLs, with commas between them, as programs take them.
    pub fn urls(&self) -> String {
        self.urls_in("/")
    }

    /// Creates a vhost and returns its URLs, with commas between them.
    pub async fn vhost(&self, name: &str) -> Result<String, NodeError> {
        let url = self.nodes[0].local().url();
        self.control().add_vhost(name, &login::decoded(url.username())).await?;
        Ok(self.urls_in(name))
    }

    /// Deletes a vhost with everything in it.
    pub async fn delete_vhost(&self, name: &str) -> Result<(), NodeError> {
        self.control().delete_vhost(name).await
    }

    /// Stops a node as an operator would; its data and ports stay for [`start`](Self::start).
    pub async fn stop(&mut self, node: usize) -> Result<(), NodeError> {
        self.nodes[node].stop().await
    }

    /// Kills a node with signal 9; its data and ports stay for [`start`](Self::start).
    pub async fn kill(&mut self, node: usize) -> Result<(), NodeError> {
        self.nodes[node].kill()
    }

    /// Starts a node again, if it does not run; returns when it accepts a login. Its replicas
    /// may [not be there yet](Self::until_whole).
    pub async fn start(&mut self, node: usize) -> Result<(), StartError> {
        self.nodes[node].start(self.ground.group()).await
    }

    /// Stops a node in the middle of what it does: connections stay, and nothing is answered.
    pub fn pause(&self, node: usize) -> Result<(), NodeError> {
        self.nodes[node].signal(Signal::SIGSTOP)
    }

    /// Lets it go on.
    pub fn go_on(&self, node: usize) -> Result<(), NodeError> {
        self.nodes[node].signal(Signal::SIGCONT)
    }

    /// Runs `rabbitmqctl` against a node that runs.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> Result<String, NodeError> {
        self.control().rabbitmqctl(arguments).await
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.local().name.as_str())
    }

    fn urls_in(&self, vhost: &str) -> String {
        let urls = self.nodes.iter().map(|node| in_vhost(&node.local().url(), vhost).to_string());
        urls.collect::<Vec<_>>().join(",")
    }

    /// The way to the cluster's administration; where no node runs, to one that does not.
    fn control(&self) -> Control {
        let runs = self.nodes.iter().find(|node| node.pid().is_some());
        Control::Local(runs.unwrap_or(&self.nodes[0]).local().clone())
    }
}

fn lay_out(home: &Path, scripts: &Path, all: &[Ports], own: Ports) -> io::Result<LocalNode> {
    let home = home.join(own.amqp.to_string());
    fs::create_dir(&home)?;
    // Nodes talk to those who know the same.
    let cookie = home.join(".erlang.cookie");
    fs::write(&cookie, "fanfare")?;
    fs::set_permissions(&cookie, Permissions::from_mode(0o400))?;
    let mut config = CONFIG.to_owned();
    for (number, ports) in (1..).zip(all) {
        let name = ports.node_name();
        config += &format!("cluster_formation.classic_config.nodes.{number} = {name}\n");
    }
    let config = ExtraConfig { plain: &config, advanced: ADVANCED };
    LocalNode::lay_out(&home, scripts, config, own)
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
