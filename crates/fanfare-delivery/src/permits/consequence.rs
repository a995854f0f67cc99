//! What the end of a call meant for the destination.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::Trouble;

/// What the end of a call meant for the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// The gate is closed.
    pub(crate) closed: Option<Closed>,
    /// The call was to find out whether the destination is well, and it is not.
    pub(crate) probe_failed: bool,
    /// The destination is known to be in trouble, so a failure is no fault of the event's.
    pub(crate) is_excused: bool,
    /// The gate is open again.
    pub(crate) opened: bool,
}

/// Why nothing is called, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) trouble: Trouble,
    pub(crate) until: Instant,
    pub(crate) is_news: bool,
    /// Whether all replicas are to keep to it.
    pub(crate) is_shared: bool,
}

impl Consequence {
    /// How long nothing is called from now on, if the gate is closed.
    pub(crate) fn closed_for(&self) -> Option<Duration> {
        self.closed.map(|closed| closed.until - Instant::now())
    }
}
