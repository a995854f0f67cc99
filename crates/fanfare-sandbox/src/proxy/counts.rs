//! How much passed, and how often a fault really happened.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of the counters; all of them only grow, but for `open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Connections whose server could not be reached; the client gets a reset.
    pub unreachable: u64,
    /// Bytes passed on to the server.
    pub request_bytes: u64,
    /// Bytes passed on to the client.
    pub reply_bytes: u64,
    /// Pieces that arrived late.
    pub delayed: u64,
    /// Pieces that waited for bandwidth.
    pub throttled: u64,
    /// Pieces that were cut into smaller ones.
    pub sliced: u64,
    /// Pieces that were withheld.
    pub withheld: u64,
    /// Connections that were reset on demand.
    pub resets: u64,
    /// Times the listener was closed.
    pub refusals: u64,
}

/// The counters of a running proxy.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) unreachable: AtomicU64,
    pub(crate) request_bytes: AtomicU64,
    pub(crate) reply_bytes: AtomicU64,
    pub(crate) delayed: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) sliced: AtomicU64,
    pub(crate) withheld: AtomicU64,
    pub(crate) resets: AtomicU64,
    pub(crate) refusals: AtomicU64,
}

impl Counts {
    /// Faults of every kind that happened.
    pub fn faults(&self) -> u64 {
        self.delayed + self.throttled + self.sliced + self.withheld + self.resets + self.refusals
    }
}

impl Counters {
    pub(crate) fn snapshot(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: read(&self.connections),
            open: read(&self.open),
            unreachable: read(&self.unreachable),
            request_bytes: read(&self.request_bytes),
            reply_bytes: read(&self.reply_bytes),
            delayed: read(&self.delayed),
            throttled: read(&self.throttled),
            sliced: read(&self.sliced),
            withheld: read(&self.withheld),
            resets: read(&self.resets),
            refusals: read(&self.refusals),
        }
    }
}
