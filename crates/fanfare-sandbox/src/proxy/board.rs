//! The switches of a proxy: the faults in force, the reset of what is open, the counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::counts::Counters;
use super::faults::Faults;

/// Shared by the handle, the accepting task and every connection.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) faults: watch::Sender<Faults>,
    pub(crate) counters: Counters,
    pub(crate) changed: Notify,
    pub(crate) connections: TaskTracker,
    /// Cancelled, and replaced, to reset the connections that are open.
    reset: Mutex<CancellationToken>,
}

impl Board {
    pub(crate) fn new(faults: Faults) -> Self {
        let connections = TaskTracker::new();
        connections.close();
        Self {
            faults: watch::Sender::new(faults),
            counters: Counters::default(),
            changed: Notify::new(),
            connections,
            reset: Mutex::default(),
        }
    }

    pub(crate) fn count(&self, counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
        self.changed.notify_waiters();
    }

    /// Is cancelled when the connections of this moment are to be reset.
    pub(crate) fn reset_token(&self) -> CancellationToken {
        self.locked_reset().clone()
    }

    pub(crate) fn reset_open_connections(&self) {
        std::mem::take(&mut *self.locked_reset()).cancel();
    }

    fn locked_reset(&self) -> MutexGuard<'_, CancellationToken> {
        self.reset.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
