//! How an outbox stands: what an operator looks at first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What waits in an outbox, as its table says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxStatus {
    /// Rows to be published. Counted up to [`Self::COUNTED`]: then there are as many or more.
    pub pending: u64,
    /// How long the row that is next has been waiting.
    pub oldest: Option<Duration>,
    /// Rows that can never be published and wait for a person. Counted as far as `pending`.
    pub refused: u64,
}

impl OutboxStatus {
    /// How far rows are counted, so that looking stays cheap when the broker is away for days.
    pub const COUNTED: u64 = 1_000_000;
}

/// What a relay has done since it was made. Cheap to clone; clones see the same.
#[derive(Clone, Debug, Default)]
pub struct RelayCounts {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    published: AtomicU64,
    unrouted: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    cleaned_up: AtomicU64,
    settled: AtomicU64,
    settled_bytes: AtomicU64,
}

impl RelayCounts {
    /// Rows that the broker has confirmed.
    pub fn published(&self) -> u64 {
        self.counts.published.load(Ordering::Relaxed)
    }

    /// Of these, rows that no destination subscribes to.
    pub fn unrouted(&self) -> u64 {
        self.counts.unrouted.load(Ordering::Relaxed)
    }

    /// Publishes that failed and are repeated.
    pub fn failed(&self) -> u64 {
        self.counts.failed.load(Ordering::Relaxed)
    }

    /// Rows that can never be published.
    pub fn refused(&self) -> u64 {
        self.counts.refused.load(Ordering::Relaxed)
    }

    /// Rows that were sent long enough ago and are deleted.
    pub fn cleaned_up(&self) -> u64 {
        self.counts.cleaned_up.load(Ordering::Relaxed)
    }

    /// Rows that are published or refused, each counted once, and their bytes.
    #[cfg(feature = "spill")]
    pub(crate) fn settled(&self) -> (u64, u64) {
        // In the other order than they are counted, so that never a row is without its bytes.
        let rows = self.counts.settled.load(Ordering::Acquire);
        (rows, self.counts.settled_bytes.load(Ordering::Acquire))
    }

    pub(crate) fn one_settled(&self, bytes: usize) {
        self.counts.settled_bytes.fetch_add(bytes as u64, Ordering::Release);
        self.counts.settled.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn confirmed(&self, routed: bool) {
        self.counts.published.fetch_add(1, Ordering::Relaxed);
        if !routed {
            self.counts.unrouted.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn one_failed(&self) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn one_refused(&self) {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn deleted(&self, rows: u64) {
        self.counts.cleaned_up.fetch_add(rows, Ordering::Relaxed);
    }
}
