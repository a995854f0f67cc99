//! A fault proxy inside the test's own process, on a free port.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::board::Board;
use super::counts::Counts;
use super::faults::Faults;
use super::server;
use crate::port::Port;

/// A running proxy. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct FaultProxy {
    board: Arc<Board>,
    port: Port,
    _stop: DropGuard,
}

/// Something that was awaited did not happen.
#[derive(Debug, Error)]
#[error("waited {waited:?} for {what}; the proxy has counted {counts:?}")]
pub struct WaitTimeout {
    what: String,
    waited: Duration,
    counts: Counts,
}

impl FaultProxy {
    /// A proxy to `to` on a free port of the loopback interface, without any fault.
    pub async fn start(to: SocketAddr) -> io::Result<Self> {
        let board = Arc::new(Board::new(Faults::default()));
        let stop = CancellationToken::new();
        let (accepting, ending) = (Arc::clone(&board), stop.clone());
        let port = Port::open_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), {
            move |listener, refuse| {
                let (board, stop) = (Arc::clone(&accepting), ending.clone());
                tokio::spawn(server::accept_until(listener, to, board, refuse, stop))
            }
        })?;
        Ok(Self { board, port, _stop: stop.drop_guard() })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Replaces the faults, for open connections too.
    pub fn set(&self, faults: Faults) {
        self.board.faults.send_replace(faults);
    }

    /// The faults in force.
    pub fn faults(&self) -> Faults {
        *self.board.faults.borrow()
    }

    /// Ends every open connection with a TCP reset on both sides. New ones are not affected.
    pub fn reset_connections(&self) {
        self.board.reset_open_connections();
    }

    /// Stops listening: connections are refused, open ones go on.
    pub async fn refuse(&self) -> io::Result<()> {
        self.board.count(&self.board.counters.refusals, 1);
        self.port.close().await
    }

    /// Ends every fault: what was withheld passes, what was refused is accepted.
    pub async fn heal(&self) -> io::Result<()> {
        self.set(Faults::default());
        self.port.open().await
    }

    /// What passed and what was broken so far.
    pub fn counts(&self) -> Counts {
        self.board.counters.snapshot()
    }

    /// Waits until `fact` holds, looking whenever a counter moved.
    pub async fn wait_until(
        &self,
        what: &str,
        deadline: Duration,
        fact: impl Fn(&Counts) -> bool,
    ) -> Result<(), WaitTimeout> {
        let fact_holds = async {
            loop {
                // Created before looking: a change between the look and the wait counts.
                let changed = self.board.changed.notified();
                if fact(&self.counts()) {
                    return;
                }
                changed.await;
            }
        };
        timeout(deadline, fact_holds).await.map_err(|_| WaitTimeout {
            what: what.to_owned(),
            waited: deadline,
            counts: self.counts(),
        })
    }
}
