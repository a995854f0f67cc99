//! The relay of a spill, while it runs.

use std::future::pending;

use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::file::SpillFile;
use super::room::Amount;
use crate::outbox::RelayCounts;
use crate::producer::Producer;

pub(super) struct Relaying {
    running: Option<JoinHandle<()>>,
    counts: RelayCounts,
    /// Told to end when it is dropped, as in a crash of whoever started it.
    shutdown: DropGuard,
}

impl Relaying {
    pub(super) fn start(file: &SpillFile, producer: &Producer) -> Self {
        let relay = file.relay(producer.clone());
        let (counts, shutdown) = (relay.counts(), CancellationToken::new());
        let running = Some(tokio::spawn(relay.run(shutdown.clone())));
        Self { running, counts, shutdown: shutdown.drop_guard() }
    }

    /// What it has been done with since its start.
    pub(super) fn settled(&self) -> Amount {
        let (rows, bytes) = self.counts.settled();
        Amount { rows, bytes }
    }

    /// Comes once, when it has ended, which nobody has told it to.
    pub(super) async fn ended(&mut self) {
        match &mut self.running {
            // A panic is on stderr already.
            Some(running) => drop(running.await),
            None => pending().await,
        }
        self.running = None;
    }

    /// Has it end, after its grace period.
    pub(super) async fn stop(self) {
        let Self { running, shutdown, .. } = self;
        drop(shutdown);
        // How it ended does not matter any more.
        if let Some(running) = running {
            drop(running.await);
        }
    }
}
