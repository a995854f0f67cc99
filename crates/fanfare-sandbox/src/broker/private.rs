//! A `rabbitmq-server` process of our own: its life from first start to last trace.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::ExtraConfig;
use super::error::{NodeError, StartError};
use super::home::{Description, Place};
use super::local::LocalNode;
use super::login;
use crate::system::{Keeper, Reaped};

/// A cold start takes 5 s on two idle cores; a busy CI machine gets ten times that and more.
const START_SECONDS: u64 = 90;

/// RabbitMQ closes its queues and waits for its clients when asked to stop.
const STOP_SECONDS: u64 = 60;

const POLL: Duration = Duration::from_millis(50);

/// Another process may take a free port before the node does.
const TRIES: usize = 3;

/// A node that this process started; dropping it leaves no process and no folder.
#[derive(Debug)]
pub(super) struct PrivateNode {
    // Dropped in this order: the keeper removes the folder when nobody writes there any more.
    broker: Option<Reaped>,
    epmd: Reaped,
    _keeper: Keeper,
    local: LocalNode,
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
        let home = tempfile::Builder::new()
            .prefix("fanfare-broker-")
            .tempdir()
            .map_err(failed("making a folder for the node"))?;
        let mut keeper =
            Keeper::of_folder(home.path()).map_err(failed("starting the node's keeper"))?;
        // From here on the folder is the keeper's to remove.
        let home = home.keep();
        let local = LocalNode::lay_out(&home, scripts, config)
            .map_err(failed("laying out the node's folder"))?;

        let mut epmd = local.tool("epmd");
        epmd.args(["-port", &local.epmd_port.to_string(), "-address", "127.0.0.1"]);
        let epmd = Reaped::spawn(&mut epmd, 0, Stdio::null, Stdio::null)
            .map_err(failed("starting the node's epmd"))?;
        keeper.watch_group(epmd.pid()).map_err(failed("telling the node's keeper"))?;

        let mut node = Self { broker: None, epmd, _keeper: keeper, local };
        node.start().await?;
        Description { url: node.local.url(), place: Place::Process(node.local.clone()) }
            .write(&home)
            .map_err(failed("describing the node"))?;
        Ok(node)
    }

    pub(super) fn local(&self) -> &LocalNode {
        &self.local
    }

    pub(super) fn home(&self) -> &Path {
        &self.local.home
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.broker.as_ref().map(Reaped::pid)
    }

    /// Starts the broker, if it is not running, and waits for a login.
    pub(super) async fn start(&mut self) -> Result<(), StartError> {
        if self.broker.is_none() {
            let log = || {
                File::create(self.local.startup_log()).map_or_else(|_| Stdio::null(), Stdio::from)
            };
            let broker = Reaped::spawn(&mut self.local.server(), self.epmd.pid(), log, log)
                .map_err(failed("starting rabbitmq-server"))?;
            self.broker = Some(broker);
        }
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        loop {
            let Err(source) = login::log_in(&self.local.url()).await else { return Ok(()) };
            if self.broker.as_mut().is_none_or(Reaped::has_ended) {
                self.broker = None;
                return Err(StartError::Ended { output: self.output() });
            }
            if Instant::now() > deadline {
                let output = self.output();
                return Err(StartError::Deadline { seconds: START_SECONDS, output, source });
            }
            sleep(POLL).await;
        }
    }

    /// Asks the broker to stop and waits until it has.
    pub(super) async fn stop(&mut self) -> Result<(), NodeError> {
        let Some(broker) = &mut self.broker else { return Ok(()) };
        signal(broker, Signal::SIGTERM)?;
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS);
        while !broker.has_ended() {
            if Instant::now() > deadline {
                let awaited = "the end of the broker's process after SIGTERM";
                return Err(NodeError::Deadline { awaited, seconds: STOP_SECONDS });
            }
            sleep(POLL).await;
        }
        self.broker = None;
        Ok(())
    }

    /// Kills the broker's process; returns when it is gone.
    pub(super) fn kill(&mut self) -> Result<(), NodeError> {
        self.broker.take().map_or(Ok(()), |broker| signal(&broker, Signal::SIGKILL))
    }

    /// The end of what the starting broker printed.
    fn output(&self) -> String {
        let log = fs::read(self.local.startup_log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn signal(broker: &Reaped, signal: Signal) -> Result<(), NodeError> {
    let operation = signal.to_string();
    broker.signal(signal).map_err(|source| NodeError::System { operation, source })
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
