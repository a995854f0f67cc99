//! What the proxy does to the bytes that pass.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

/// The faults in force. By default there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Every byte arrives this much later, in both directions.
    pub latency: Duration,
    /// Up to this much more, at random; the order of bytes is kept.
    pub jitter: Duration,
    /// Bytes a second, per connection and direction.
    pub bandwidth: Option<NonZeroU64>,
    /// Bytes per write, with a millisecond between two writes.
    pub slice: Option<NonZeroUsize>,
    /// Nothing passes from the client to the server; it passes once this ends.
    pub withhold_requests: bool,
    /// Nothing passes from the server to the client; it passes once this ends.
    pub withhold_replies: bool,
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client, who connected, to the server.
    Requests,
    /// From the server back to the client.
    Replies,
}

impl Faults {
    /// A slow network: every byte `latency` to `latency + jitter` late.
    pub fn latency(latency: Duration, jitter: Duration) -> Self {
        Self { latency, jitter, ..Self::default() }
    }

    /// A narrow network. Zero counts as one byte a second.
    pub fn bandwidth(bytes_per_second: u64) -> Self {
        let bandwidth = NonZeroU64::new(bytes_per_second.max(1));
        Self { bandwidth, ..Self::default() }
    }

    /// A network that delivers in tiny pieces. Zero counts as one byte.
    pub fn slice(bytes: usize) -> Self {
        Self { slice: NonZeroUsize::new(bytes.max(1)), ..Self::default() }
    }

    /// One direction is dead, unnoticed by either side.
    pub fn withhold(direction: Direction) -> Self {
        Self {
            withhold_requests: direction == Direction::Requests,
            withhold_replies: direction == Direction::Replies,
            ..Self::default()
        }
    }

    /// Both directions are dead.
    pub fn blackhole() -> Self {
        Self { withhold_requests: true, withhold_replies: true, ..Self::default() }
    }

    pub(crate) fn withholds(&self, direction: Direction) -> bool {
        match direction {
            Direction::Requests => self.withhold_requests,
            Direction::Replies => self.withhold_replies,
        }
    }
}
