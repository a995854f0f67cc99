//! The handle on a queue that is consumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::delivery::{Delivery, Session, SessionId};
use super::task;
use crate::config::BrokerConfig;

/// Consumes one queue over one connection of its own, reconnecting for ever.
#[derive(Debug)]
pub struct Subscription {
    deliveries: mpsc::Receiver<Delivery>,
    mode: watch::Sender<Mode>,
    pauses: AtomicU32,
    state: watch::Receiver<ConsumeState>,
    session: watch::Receiver<Option<Arc<Session>>>,
    task: TaskTracker,
}

/// What to consume, and how much at a time.
#[derive(Clone, Debug)]
pub struct SubscriptionOptions {
    /// The queue.
    pub queue: String,
    /// Deliveries that the broker hands over before it hears of the first; at least 1.
    pub prefetch: u16,
    /// How what is not settled goes back.
    pub giving_back: GivingBack,
}

/// How a subscription gives back what it took and did not settle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GivingBack {
    /// As early as it can: whoever else consumes goes on with the rest meanwhile.
    #[default]
    AtOnce,
    /// Together, with the channel's end, so that it stands in its order before the rest
    /// and nobody has taken anything in between. For a queue with a single active
    /// consumer, where a cancelled consumer's place is taken while it still holds some.
    Together,
}

/// Whether deliveries can arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumeState {
    /// Not connected, dialling.
    Down,
    /// Consuming.
    Consuming,
    /// The queue does not exist, or may not be read; the broker's words.
    Refused(String),
    /// Not consuming because it was told so.
    Paused,
}

/// What the task is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Take deliveries, so many at a time. Two modes with a pause between them differ,
    /// even when the pause itself was too short to be seen.
    Consume { prefetch: u16, pauses: u32 },
    /// Take no more, keep the channel so that what is here can be settled.
    Drain,
    /// Give everything back and stay away.
    Pause,
    /// Tell the broker what is settled and end.
    Close,
}

impl Subscription {
    /// Starts connecting and returns at once.
    ///
    /// `name` is what operators see in the broker's lists of connections and
    /// consumers. Needs a tokio runtime.
    pub fn start(config: &BrokerConfig, name: &str, options: SubscriptionOptions) -> Self {
        let prefetch = options.prefetch.max(1);
        let (incoming, deliveries) = mpsc::channel(usize::from(prefetch));
        let (mode, wanted) = watch::channel(Mode::Consume { prefetch, pauses: 0 });
        let (state, observed) = watch::channel(ConsumeState::Down);
        let (current, session) = watch::channel(None);
        let task = TaskTracker::new();
        task.spawn(task::run(
            config,
            name,
            options,
            wanted,
            task::Outlets { deliveries: Some(incoming), state, session: current },
        ));
        task.close();
        Self { deliveries, mode, pauses: AtomicU32::new(0), state: observed, session, task }
    }

    /// The next delivery; `None` once drained or closed.
    ///
    /// Deliveries that the broker took back meanwhile are passed over.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let delivery = self.deliveries.recv().await?;
            if !delivery.is_stale() {
                return Some(delivery);
            }
        }
    }

    /// Whether deliveries can arrive, to be watched.
    pub fn state(&self) -> watch::Receiver<ConsumeState> {
        self.state.clone()
    }

    /// The life of the channel that deliveries arrive by now.
    pub fn session(&self) -> Option<SessionId> {
        self.session.borrow().as_ref().map(|session| session.id())
    }

    /// Returns when deliveries do not arrive by the channel of `session` any more.
    pub fn session_over(&self, session: SessionId) -> impl Future<Output = ()> + use<> {
        let mut current = self.session.clone();
        async move {
            let is_over = |current: &Option<Arc<Session>>| {
                current.as_ref().is_none_or(|current| current.id() != session)
            };
            // Where the task is gone, all sessions are.
            drop(current.wait_for(is_over).await);
        }
    }

    /// Returns when the queue has taken every ack that was given before the call, so that
    /// none of those comes again whatever happens now; `false` when the channel ended before
    /// that was known.
    ///
    /// Costs the queue as much as two messages. For a subscription that gives all back
    /// [together](GivingBack::Together).
    pub fn acks_taken(&self) -> impl Future<Output = bool> + use<> {
        let session = self.session.borrow().clone();
        async move {
            match session {
                Some(session) => session.acks_taken().await,
                None => false,
            }
        }
    }

    /// How long the oldest delivery that is not settled has been here.
    ///
    /// RabbitMQ closes a channel after 30 minutes of that; give it back long before.
    pub fn oldest_unsettled(&self) -> Option<Duration> {
        let session = self.session.borrow();
        Some(session.as_ref()?.tracker().oldest_unsettled()?.elapsed())
    }

    /// Gives back what is not settled and stays away until [`Self::resume`].
    ///
    /// From now on: what is here and was not looked at yet is passed over, and what was taken
    /// [is stale](Delivery::is_stale).
    pub fn pause(&self) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
        if self.unless_draining(Mode::Pause) {
            self.end_session();
        }
    }

    /// Consumes again, `prefetch` deliveries at a time. If it was another number until now,
    /// what is not settled is given back as with [`Self::pause`].
    pub fn resume(&self, prefetch: u16) {
        let pauses = self.pauses.load(Ordering::Relaxed);
        let wanted = Mode::Consume { prefetch: prefetch.max(1), pauses };
        let was_consuming = matches!(*self.mode.borrow(), Mode::Consume { .. });
        let is_another = *self.mode.borrow() != wanted;
        if self.unless_draining(wanted) && was_consuming && is_another {
            self.end_session();
        }
    }

    /// Takes no more deliveries, for good; those already taken can still be settled.
    ///
    /// Where all is given back [together](GivingBack::Together), the broker still hands
    /// some over; nobody sees them.
    pub fn drain(&self) {
        self.mode.send_replace(Mode::Drain);
    }

    /// Tells the broker what is settled, gives back the rest, and disconnects.
    pub async fn close(self) {
        self.mode.send_replace(Mode::Close);
        self.task.wait().await;
    }

    /// Not only once the task hears of it: until then work would start on what goes back.
    fn end_session(&self) {
        if let Some(session) = self.session.borrow().as_ref() {
            session.end();
        }
    }

    fn unless_draining(&self, wanted: Mode) -> bool {
        self.mode.send_if_modified(|mode| {
            let draining = matches!(mode, Mode::Drain | Mode::Close);
            if !draining {
                *mode = wanted;
            }
            !draining
        })
    }
}
