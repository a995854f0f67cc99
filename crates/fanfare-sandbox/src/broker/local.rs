//! A `rabbitmq-server` process seen from outside: its folder, its ports, and its tools.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use url::Url;

use super::ExtraConfig;

/// Everything that is needed to start a node, or to talk to it from another process.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct LocalNode {
    pub(super) home: PathBuf,
    /// The folder of `rabbitmq-server` and `rabbitmqctl`.
    scripts: PathBuf,
    pub(super) name: String,
    ports: Ports,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) distribution: u16,
    /// Nodes have an `epmd` of their own: names cannot clash, and nothing outlives them.
    pub(super) epmd: u16,
}

impl LocalNode {
    /// Lays out the folder of a new node.
    pub(super) fn lay_out(
        home: &Path,
        scripts: &Path,
        config: ExtraConfig<'_>,
        ports: Ports,
    ) -> io::Result<Self> {
        fs::write(home.join("rabbitmq.conf"), config.plain)?;
        fs::write(home.join("advanced.config"), format!("[{}].\n", config.advanced))?;
        fs::write(home.join("plugins"), "[].\n")?;
        fs::create_dir(home.join("log"))?;
        Ok(Self {
            home: home.to_owned(),
            scripts: scripts.to_owned(),
            name: ports.node_name(),
            ports,
        })
    }

    /// The default vhost, as `guest`, whom RabbitMQ lets in from loopback.
    pub(super) fn url(&self) -> Url {
        let url = format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp);
        Url::parse(&url).expect("a literal with a number in it is a URL")
    }

    pub(super) fn startup_log(&self) -> PathBuf {
        self.home.join("log/startup")
    }

    pub(super) fn server(&self) -> Command {
        let mut command = self.tool(self.scripts.join("rabbitmq-server"));
        command
            // Makes the script become the broker instead of watching over it, so that the
            // process we started is the one to signal; -noinput takes back what it implies.
            .env("RABBITMQ_ALLOW_INPUT", "1")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            );
        command
    }

    pub(super) fn rabbitmqctl(&self) -> Command {
        let mut command = self.tool(self.scripts.join("rabbitmqctl"));
        command.args(["--quiet", "--node", &self.name]);
        command
    }

    /// Any program that is to talk to the node, in the node's environment.
    pub(super) fn tool(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for foreign in FOREIGN_SETTINGS {
            command.env_remove(foreign);
        }
        command
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_MNESIA_BASE", self.home.join("data"))
            .env("RABBITMQ_LOG_BASE", self.home.join("log"))
            .env("RABBITMQ_CONFIG_FILE", self.home.join("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", self.home.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.home.join("plugins"))
            // A file that does not exist: the system's node must not lend us its settings.
            .env("RABBITMQ_CONF_ENV_FILE", self.home.join("no-environment-file"))
            .env("RABBITMQCTL", self.scripts.join("rabbitmqctl"))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            // The Erlang cookie lives in the home of whoever runs the node.
            .env("HOME", &self.home)
            .current_dir(&self.home);
        command
    }
}

impl Ports {
    /// The Erlang name of a node with these ports.
    pub(super) fn node_name(self) -> String {
        format!("fanfare-{}@localhost", self.amqp)
    }
}

/// What the caller's shell may hold for another node.
const FOREIGN_SETTINGS: [&str; 8] = [
    "ERL_AFLAGS",
    "ERL_FLAGS",
    "ERL_LIBS",
    "ERL_ZFLAGS",
    "NOTIFY_SOCKET",
    "RABBITMQ_MNESIA_DIR",
    "RABBITMQ_SERVER_START_ARGS",
    "RABBITMQ_USE_LONGNAME",
];
