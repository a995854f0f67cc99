//! A `rabbitmq-server` process: started, stopped and killed, again and again.

use std::fs::{self, File};
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::time::{Instant, sleep};

use super::error::{NodeError, StartError};
use super::local::LocalNode;
use super::login;
use crate::system::Reaped;

/// A cold start takes 5 s on two idle cores; a busy CI machine gets ten times that and more.
const START_SECONDS: u64 = 90;

/// RabbitMQ closes its queues and waits for its clients when asked to stop.
const STOP_SECONDS: u64 = 60;

const POLL: Duration = Duration::from_millis(50);

/// A node's process, while there is one. Dropping it kills it.
#[derive(Debug)]
pub(super) struct NodeProcess {
    broker: Option<Reaped>,
    local: LocalNode,
}

impl NodeProcess {
    /// Nothing runs before [`start`](Self::start).
    pub(super) fn new(local: LocalNode) -> Self {
        Self { broker: None, local }
    }

    pub(super) fn local(&self) -> &LocalNode {
        &self.local
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.broker.as_ref().map(Reaped::pid)
    }

    /// Starts the broker in a process group, if it is not running, and waits for a login.
    pub(super) async fn start(&mut self, group: u32) -> Result<(), StartError> {
        if self.broker.is_none() {
            let log = || {
                File::create(self.local.startup_log()).map_or_else(|_| Stdio::null(), Stdio::from)
            };
            let broker = Reaped::spawn(&mut self.local.server(), group, log, log)
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
        self.signal(Signal::SIGTERM)?;
        let Some(broker) = &mut self.broker else { return Ok(()) };
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
        self.signal(Signal::SIGKILL)?;
        self.broker = None;
        Ok(())
    }

    /// Sends the broker a signal, if it runs.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), NodeError> {
        let Some(broker) = &self.broker else { return Ok(()) };
        let operation = signal.to_string();
        broker.signal(signal).map_err(|source| NodeError::System { operation, source })
    }

    /// The end of what the starting broker printed.
    fn output(&self) -> String {
        let log = fs::read(self.local.startup_log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
