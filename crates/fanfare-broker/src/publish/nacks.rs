//! Whether a nack is the last word.
//!
//! With the first message for a queue a channel learns which node leads it. Where that node was
//! lost a moment ago, RabbitMQ (seen in 3.10) keeps the wrong one in mind and refuses whatever
//! comes on that channel until the node is back. Another channel learns it anew. So where there
//! are several nodes, a channel that has taken nothing yet is not believed, and none is kept that
//! refuses.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::ExponentialPauses;

/// What one channel has taken and refused.
#[derive(Debug)]
pub(super) struct Record {
    opened: Instant,
    took: bool,
    refused: bool,
    doubted: bool,
}

/// How many channels in a row refused all that they were given.
#[derive(Debug)]
pub(super) struct Nacks {
    /// A broker of one node has its leaders where we are.
    several_nodes: bool,
    barren: u32,
}

/// Channels in a row that are not believed: some five seconds, in which a queue of three
/// replicas has found a leader. Each may leave a copy in queues that took the message.
const DOUBTED: u32 = 6;

const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(200), Duration::from_secs(2));

/// A channel that is believed is not replaced more often: one of many queues may be full.
const KEPT: Duration = Duration::from_secs(1);

impl Record {
    pub(super) fn new(opened: Instant) -> Self {
        Self { opened, took: false, refused: false, doubted: false }
    }

    /// Nothing more is to be published on this channel.
    pub(super) fn is_spent(&self, now: Instant) -> bool {
        self.doubted || self.refused && now >= self.opened + KEPT
    }
}

impl Nacks {
    pub(super) fn of_nodes(count: usize) -> Self {
        Self { several_nodes: count > 1, barren: 0 }
    }

    /// The broker took a message.
    pub(super) fn took(&mut self, channel: &mut Record) {
        channel.took = true;
        self.barren = 0;
    }

    /// The broker refused a message; whether that is to be believed.
    pub(super) fn refused(&self, channel: &mut Record) -> bool {
        if !self.several_nodes {
            return true;
        }
        channel.refused = true;
        channel.doubted |= !channel.took && self.barren < DOUBTED;
        !channel.doubted
    }

    /// A spent channel is given up: how long to wait before the next.
    pub(super) fn spent(&mut self, channel: &Record) -> Duration {
        if channel.took || !channel.doubted {
            return Duration::ZERO;
        }
        self.barren += 1;
        PAUSES.after(self.barren)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_that_took_nothing_is_not_believed_but_six_of_them_are() {
        let (mut nacks, opened) = (Nacks::of_nodes(3), Instant::now());
        for _ in 0..DOUBTED {
            let mut channel = Record::new(opened);
            assert!(!channel.is_spent(opened));
            assert!(!nacks.refused(&mut channel));
            assert!(channel.is_spent(opened));
            assert!(nacks.spent(&channel) <= Duration::from_secs(2));
        }
        let mut seventh = Record::new(opened);
        assert!(nacks.refused(&mut seventh));
        assert!(!seventh.is_spent(opened) && seventh.is_spent(opened + KEPT));
        assert_eq!(nacks.spent(&seventh), Duration::ZERO);
        nacks.took(&mut Record::new(opened));
        assert!(!nacks.refused(&mut Record::new(opened)));
    }

    #[tokio::test]
    async fn a_channel_that_took_something_is_believed_and_replaced_in_time() {
        let (mut nacks, opened) = (Nacks::of_nodes(3), Instant::now());
        let mut channel = Record::new(opened);
        nacks.took(&mut channel);
        assert!(!channel.is_spent(opened + 2 * KEPT));
        assert!(nacks.refused(&mut channel));
        assert!(!channel.is_spent(opened) && channel.is_spent(opened + KEPT));
        assert_eq!(nacks.spent(&channel), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_broker_of_one_node_is_believed_at_once() {
        let (nacks, opened) = (Nacks::of_nodes(1), Instant::now());
        let mut channel = Record::new(opened);
        assert!(nacks.refused(&mut channel));
        assert!(!channel.is_spent(opened + 2 * KEPT));
    }
}
