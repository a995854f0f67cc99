//! A channel whose broker is played by a test.

use std::sync::Arc;

use tokio::time::Instant;

use super::ack_tracker::Flush;
use super::delivery::{Delivery, Session, SessionId};
use crate::message::Message;
use crate::received::Received;

/// A channel that deliveries come by.
#[derive(Debug)]
pub struct Channel {
    session: Arc<Session>,
    handed_over: u64,
}

/// What the broker hears about deliveries, by their tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// This one and all before it are acked.
    AckedThrough(u64),
    /// This one is acked.
    Acked(u64),
    /// This one is given back.
    Requeued(u64),
    /// This one is to be dead-lettered as it is.
    Rejected(u64),
}

impl Channel {
    /// A channel that has handed over nothing.
    pub fn open() -> Self {
        Self { session: Arc::new(Session::new(SessionId::default())), handed_over: 0 }
    }

    /// Hands `message` over, which the broker has done `deliveries` times before; with its tag.
    pub fn hand_over(&mut self, message: &Message, deliveries: u32) -> (u64, Delivery) {
        self.handed_over += 1;
        let tag = self.handed_over;
        self.session.tracker().delivered(tag, Instant::now());
        let received = Received::rehearsed(message, "", deliveries);
        (tag, Delivery::new(received, tag, Arc::clone(&self.session)))
    }

    /// Everything that is to be said to the broker by now, in its order.
    pub fn listen(&self) -> Vec<Said> {
        let Flush { through, singly, requeue, reject, .. } = self.session.tracker().flush_now();
        let requeued = requeue.into_iter().map(Said::Requeued);
        let rejected = reject.into_iter().map(Said::Rejected);
        let acked = through.map(Said::AckedThrough).into_iter();
        requeued.chain(rejected).chain(acked).chain(singly.into_iter().map(Said::Acked)).collect()
    }

    /// The channel is gone: what is said from now on nobody hears.
    pub fn end(&self) {
        self.session.end();
    }
}
