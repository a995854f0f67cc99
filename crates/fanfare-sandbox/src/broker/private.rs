//! A node of our own: its life from first start to last trace.

use std::io;
use std::path::Path;

use super::ExtraConfig;
use super::error::{NodeError, StartError};
use super::ground::Ground;
use super::home::{Description, Place};
use super::local::{LocalNode, Ports};
use super::process::NodeProcess;
use crate::system::free_ports;

/// Another process may take a free port before the node does.
pub(super) const TRIES: usize = 3;

/// A node that this process started; dropping it leaves no process and no folder.
#[derive(Debug)]
pub(super) struct PrivateNode {
    // Dropped before its ground.
    process: NodeProcess,
    ground: Ground,
}

impl PrivateNode {
    /// Starts a new node and returns when it accepts a login.
    pub(super) async fn launch(
        scripts: &Path,
        config: ExtraConfig<'_>,
    ) -> Result<Self, StartError> {
        let mut last = Err(StartError::Ended { output: String::new() });
        for _ in 0..TRIES {
            last = Self::launch_once(scripts, config).await;
            if !matches!(last, Err(StartError::Ended { .. })) {
                break;
            }
        }
        last
    }

    async fn launch_once(scripts: &Path, config: ExtraConfig<'_>) -> Result<Self, StartError> {
        let [amqp, distribution, epmd] = free_ports().map_err(failed("finding free ports"))?;
        let ground = Ground::new(epmd)?;
        let ports = Ports { amqp, distribution, epmd };
        let local = LocalNode::lay_out(ground.home(), scripts, config, ports)
            .map_err(failed("laying out the node's folder"))?;
        let mut node = Self { process: NodeProcess::new(local), ground };
        node.start().await?;
        let local = node.local();
        Description { url: local.url(), place: Place::Process(local.clone()) }
            .write(node.home())
            .map_err(failed("describing the node"))?;
        Ok(node)
    }

    pub(super) fn local(&self) -> &LocalNode {
        self.process.local()
    }

    pub(super) fn home(&self) -> &Path {
        self.ground.home()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Starts the broker, if it is not running, and waits for a login.
    pub(super) async fn start(&mut self) -> Result<(), StartError> {
        self.process.start(self.ground.group()).await
    }

    /// Asks the broker to stop and waits until it has.
    pub(super) async fn stop(&mut self) -> Result<(), NodeError> {
        self.process.stop().await
    }

    /// Kills the broker's process; returns when it is gone.
    pub(super) fn kill(&mut self) -> Result<(), NodeError> {
        self.process.kill()
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
