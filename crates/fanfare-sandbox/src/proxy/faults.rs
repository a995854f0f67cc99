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
    /// A request that holds these bytes does not pass, nor does anything after it on its
    /// connection; it passes once this ends.
    pub withhold_requests_from: Option<&'static [u8]>,
    /// The same for replies.
    pub withhold_replies_from: Option<&'static [u8]>,
}

/// How every `basic.ack` of AMQP 0-9-1 begins, after its channel: 13 bytes, class 60, method 80.
/// A broker confirms a publish by it, and a consumer settles a delivery.
pub const AMQP_ACK: &[u8] = &[0, 0, 0, 13, 0, 60, 0, 80];

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

    /// One direction of a connection is dead from the first piece on that holds these bytes;
    /// connections that carry none go on.
    pub fn withhold_from(direction: Direction, bytes: &'static [u8]) -> Self {
        match direction {
            Direction::Requests => Self { withhold_requests_from: Some(bytes), ..Self::default() },
            Direction::Replies => Self { withhold_replies_from: Some(bytes), ..Self::default() },
        }
    }

    /// Both directions are dead.
    pub fn blackhole() -> Self {
        Self { withhold_requests: true, withhold_replies: true, ..Self::default() }
    }

    pub(crate) fn withholds(&self, direction: Direction, piece: &[u8]) -> bool {
        let (all, from) = match direction {
            Direction::Requests => (self.withhold_requests, self.withhold_requests_from),
            Direction::Replies => (self.withhold_replies, self.withhold_replies_from),
        };
        all || from.is_some_and(|bytes| piece.windows(bytes.len().max(1)).any(|it| it == bytes))
    }
}
