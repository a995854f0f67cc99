//! One message that the broker is waiting to hear about.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::ack_tracker::AckTracker;
use crate::received::Received;

/// A message to be settled.
///
/// Settling takes the delivery, so twice does not compile. One that is dropped
/// unsettled keeps its prefetch slot until the channel closes, and goes back to
/// the queue then.
#[must_use = "an unsettled delivery keeps its prefetch slot until the channel closes"]
#[derive(Debug)]
pub struct Delivery {
    received: Received,
    tag: u64,
    session: Arc<Session>,
}

/// Tells whether a delivery can still be settled, to whoever does not hold it.
#[derive(Clone, Debug)]
pub struct Lifeline(Arc<Session>);

/// One channel's life: what it handed over goes back together. Later ones are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(u64);

/// One channel's life, as its deliveries see it.
#[derive(Debug)]
pub(super) struct Session {
    id: SessionId,
    tracker: Mutex<AckTracker>,
    ended: AtomicBool,
    /// Woken when there is something to tell the broker.
    pub(super) settled: Notify,
    /// How often somebody asked to hear when the queue has taken all acks so far.
    asked: AtomicU64,
    /// Up to which of those questions it has.
    taken: watch::Sender<u64>,
}

impl Delivery {
    pub(super) fn new(received: Received, tag: u64, session: Arc<Session>) -> Self {
        Self { received, tag, session }
    }

    /// The message.
    pub fn message(&self) -> &Received {
        &self.received
    }

    /// Whether the channel it came by is gone. The broker hands it over again, so
    /// work on it would be done twice; settling it does nothing.
    pub fn is_stale(&self) -> bool {
        self.session.has_ended()
    }

    /// Tells whether it [is stale](Self::is_stale) without it.
    pub fn lifeline(&self) -> Lifeline {
        Lifeline(Arc::clone(&self.session))
    }

    /// The life of the channel it came by.
    pub fn session(&self) -> SessionId {
        self.session.id
    }

    /// Tells the broker that it is done with, and keeps the message.
    ///
    /// The ack leaves with the next write; AMQP does not confirm acks, so after a
    /// lost connection a redelivery is always possible.
    pub fn ack(self) -> Received {
        self.session.tracker().settle(self.tag, Instant::now());
        self.session.settled.notify_one();
        self.received
    }

    /// Has the broker dead-letter it as it is, for want of a message that could follow it.
    pub fn reject(self) -> Received {
        self.session.tracker().reject(self.tag);
        self.session.settled.notify_one();
        self.received
    }

    /// Gives it back untouched, to whoever consumes next. Never a way to wait.
    pub fn requeue(self) {
        self.session.tracker().requeue(self.tag);
        self.session.settled.notify_one();
    }
}

impl Lifeline {
    /// Whether the channel that the delivery came by is gone.
    pub fn is_stale(&self) -> bool {
        self.0.has_ended()
    }
}

impl SessionId {
    /// The one after it.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Session {
    pub(super) fn new(id: SessionId) -> Self {
        Self {
            id,
            tracker: Mutex::new(AckTracker::new()),
            ended: AtomicBool::new(false),
            settled: Notify::new(),
            asked: AtomicU64::new(0),
            taken: watch::Sender::new(0),
        }
    }

    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    /// Returns when the queue has taken all acks so far; `false` if the session ended before.
    pub(super) async fn acks_taken(&self) -> bool {
        let question = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        self.settled.notify_one();
        let mut taken = self.taken.subscribe();
        let answered = taken.wait_for(|taken| *taken >= question || self.has_ended()).await;
        answered.is_ok_and(|taken| *taken >= question)
    }

    /// The last question that was not answered yet.
    pub(super) fn question(&self) -> Option<u64> {
        let asked = self.asked.load(Ordering::Relaxed);
        (asked > *self.taken.borrow()).then_some(asked)
    }

    /// All that was settled before this question was asked is taken.
    pub(super) fn answer(&self, question: u64) {
        self.taken.send_replace(question);
    }

    pub(super) fn tracker(&self) -> MutexGuard<'_, AckTracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        // Who waits for an answer looks again.
        self.taken.send_modify(|_| {});
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}
