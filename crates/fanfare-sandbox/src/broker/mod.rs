//! A RabbitMQ broker for tests, the demo and the benchmarks, wherever one can be had.
//!
//! [`BrokerNode::provision`] tries four ways in this order and says on stderr which it took:
//! a URL that was given, a container through Docker, a private `rabbitmq-server` process, and
//! the same process after installing it with the system's package manager.
//!
//! Tests [share](shared) one node and take a vhost each. `cargo xtask test` starts that node and
//! passes its [home](BrokerNode::home) on, so that every test process can join it; without
//! xtask each process has its own. A test that stops or kills its broker starts one of its own
//! with [`BrokerNode::own`].
//!
//! Nothing is left behind: whatever was started ends with the [`BrokerNode`], and also when the
//! process that holds it is killed, because a small shell process notices that (see `keeper`).

mod cluster;
mod container;
mod control;
pub(crate) mod engine;
mod erlang;
mod error;
mod ground;
mod home;
mod installed;
mod local;
mod login;
mod management;
mod private;
mod process;
mod provision;
mod replicas;

use std::path::Path;

use tokio::sync::OnceCell;
use url::Url;

pub use cluster::BrokerCluster;
pub use error::{AttachError, LoginError, NodeError, ProvisionError, StartError};
pub use replicas::Replicas;

use container::OwnedContainer;
use control::Control;
use home::Description;
use private::PrivateNode;

/// Names the [home](BrokerNode::home) of the node that `cargo xtask test` shares.
pub const NODE_HOME_VARIABLE: &str = "FANFARE_TEST_NODE_HOME";

/// What the caller already knows about the broker to use; usually from the environment.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// A running broker (`FANFARE_TEST_AMQP_URL`, `FANFARE_AMQP_URL`); nothing else is tried.
    pub url: Option<String>,
    /// The image for Docker (`FANFARE_RABBITMQ_IMAGE`); nothing else is tried. Without one it is
    /// `rabbitmq:4-management`, where Docker has it.
    pub image: Option<String>,
}

/// What a private broker is configured with besides its defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtraConfig<'a> {
    /// Lines of its `rabbitmq.conf`.
    pub plain: &'a str,
    /// Applications with their settings, for its `advanced.config`: `{rabbit, [{key, value}]}`.
    pub advanced: &'a str,
}

impl Wishes {
    /// A variable that is set to nothing names no image.
    fn image(&self) -> Option<&str> {
        self.image.as_deref().filter(|image| !image.is_empty())
    }
}

/// What a user may do in a vhost: regular expressions over the names of queues and exchanges.
#[derive(Clone, Copy, Debug)]
pub struct Permissions<'a> {
    /// Declare and delete.
    pub configure: &'a str,
    /// Publish, and bind to.
    pub write: &'a str,
    /// Consume, and bind from.
    pub read: &'a str,
}

/// A broker that this process started, or was told about.
#[derive(Debug)]
pub struct BrokerNode {
    url: Url,
    control: Control,
    life: Life,
}

/// Who started the broker, and so who may stop it.
#[derive(Debug)]
enum Life {
    Process(Box<PrivateNode>),
    Container(OwnedContainer),
    Elsewhere,
}

impl BrokerNode {
    /// Finds or starts a broker, in the order that the module describes.
    pub async fn provision(wishes: &Wishes) -> Result<Self, ProvisionError> {
        provision::provision(wishes).await
    }

    /// Starts a `rabbitmq-server` process of the caller's own, installing it if it is missing.
    ///
    /// `extra_config` is added to its `rabbitmq.conf`, for example a short `consumer_timeout`.
    pub async fn private(extra_config: &str) -> Result<Self, ProvisionError> {
        Self::private_with(ExtraConfig { plain: extra_config, ..ExtraConfig::default() }).await
    }

    /// The same, with more than its `rabbitmq.conf` can say.
    pub async fn private_with(config: ExtraConfig<'_>) -> Result<Self, ProvisionError> {
        provision::private(config).await
    }

    /// Starts a broker of the caller's own, to be stopped and killed: from the image that is wished
    /// for, else a process as [`private`](Self::private) does.
    pub async fn own(wishes: &Wishes, extra_config: &str) -> Result<Self, ProvisionError> {
        match wishes.image() {
            Some(image) => provision::contained(image, extra_config).await,
            None => Self::private(extra_config).await,
        }
    }

    /// Joins the node that another process started and keeps, by its [home](Self::home).
    ///
    /// It can do everything but stop, kill and start that node.
    pub async fn attach(home: &Path) -> Result<Self, AttachError> {
        let description = Description::read(home)?;
        let url = description.url;
        login::log_in(&url)
            .await
            .map_err(|source| AttachError::NoAnswer { home: home.to_owned(), source })?;
        Ok(Self { url, control: Control::from(description.place), life: Life::Elsewhere })
    }

    /// The folder that describes a node started by this process, to attach to from another one.
    pub fn home(&self) -> Option<&Path> {
        match &self.life {
            Life::Process(node) => Some(node.home()),
            Life::Container(container) => Some(container.home()),
            Life::Elsewhere => None,
        }
    }

    /// The AMQP URL of the default vhost, with credentials that may do everything there.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Creates a vhost in which this node's own user may do everything, and returns its URL.
    pub async fn vhost(&self, name: &str) -> Result<String, NodeError> {
        self.control.add_vhost(name, &login::decoded(self.url.username())).await?;
        Ok(in_vhost(&self.url, name).into())
    }

    /// Deletes a vhost with everything in it.
    pub async fn delete_vhost(&self, name: &str) -> Result<(), NodeError> {
        self.control.delete_vhost(name).await
    }

    /// Adds a user that may do in `vhost` what `permissions` say, and returns that user's URL.
    pub async fn add_user(
        &self,
        name: &str,
        password: &str,
        vhost: &str,
        permissions: Permissions<'_>,
    ) -> Result<String, NodeError> {
        self.control.add_user(name, password, vhost, permissions).await?;
        let mut url = in_vhost(&self.url, vhost);
        url.set_username(name).and_then(|()| url.set_password(Some(password))).map_err(|()| {
            NodeError::Refused {
                operation: format!("write {name} and a password into a URL"),
                answer: "the broker's URL takes no credentials".to_owned(),
            }
        })?;
        Ok(url.into())
    }

    /// Raises or clears the memory alarm, which blocks every connection that publishes.
    ///
    /// The alarm holds for the whole node: use it on one of your own.
    pub async fn memory_alarm(&self, raised: bool) -> Result<(), NodeError> {
        self.control.memory_alarm(raised).await
    }

    /// Runs `rabbitmqctl` against the node and returns what it printed; about half a second.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> Result<String, NodeError> {
        self.control.rabbitmqctl(arguments).await
    }

    /// The version of RabbitMQ, as it greets its clients.
    pub async fn version(&self) -> Result<String, LoginError> {
        login::log_in(&self.url).await.map(|greeting| greeting.version)
    }

    /// The broker's own process, while it runs as one that this process started.
    pub fn pid(&self) -> Option<u32> {
        match &self.life {
            Life::Process(node) => node.pid(),
            Life::Container(_) | Life::Elsewhere => None,
        }
    }

    /// Stops the broker as an operator would; data and ports stay for [`start`](Self::start).
    pub async fn stop(&mut self) -> Result<(), NodeError> {
        match &mut self.life {
            Life::Process(node) => node.stop().await,
            Life::Container(container) => container.stop().await,
            Life::Elsewhere => Err(not_ours("stop the broker")),
        }
    }

    /// Kills the broker with signal 9; data and ports stay for [`start`](Self::start).
    pub async fn kill(&mut self) -> Result<(), NodeError> {
        match &mut self.life {
            Life::Process(node) => node.kill(),
            Life::Container(container) => container.kill().await,
            Life::Elsewhere => Err(not_ours("kill the broker")),
        }
    }

    /// Starts the broker again on its old data and ports; returns when it accepts a login.
    pub async fn start(&mut self) -> Result<(), NodeError> {
        match &mut self.life {
            Life::Process(node) => node.start().await.map_err(NodeError::from),
            Life::Container(container) => container.start().await,
            Life::Elsewhere => Err(not_ours("start the broker")),
        }
    }

    /// Ends what was started and removes its data; dropping the node does the same.
    pub fn end(self) {}
}

/// The one node of this process, provisioned when it is first asked for.
///
/// With the `home` of another process's node (from [`NODE_HOME_VARIABLE`]) that node is joined.
/// A node that this process starts ends with it: its keeper needs no destructor to run.
pub async fn shared(
    wishes: &Wishes,
    home: Option<&Path>,
) -> Result<&'static BrokerNode, ProvisionError> {
    static NODE: OnceCell<BrokerNode> = OnceCell::const_new();
    NODE.get_or_try_init(async || match home {
        Some(home) => Ok(BrokerNode::attach(home).await?),
        None => BrokerNode::provision(wishes).await,
    })
    .await
}

fn not_ours(operation: &'static str) -> NodeError {
    NodeError::Impossible { operation, broker: "a broker that another process keeps" }
}

fn in_vhost(url: &Url, vhost: &str) -> Url {
    let mut url = url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().push(vhost);
    }
    url
}

#[cfg(test)]
mod tests;
