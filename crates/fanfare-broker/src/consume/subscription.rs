//! The handle on a queue that is consumed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;

use super::delivery::{Delivery, Session};
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

    /// How long the oldest delivery that is not settled has been here.
    ///
    /// RabbitMQ closes a channel after 30 minutes of that; give it back long before.
    pub fn oldest_unsettled(&self) -> Option<Duration> {
        let session = self.session.borrow();
        Some(session.as_ref()?.tracker().oldest_unsettled()?.elapsed())
    }

    /// Gives back what is not settled and stays away until [`Self::resume`].
    pub fn pause(&self) {
        self.pauses.fetch_add(1, Ordering::Relaxed);
        self.unless_draining(Mode::Pause);
    }

    /// Consumes again, `prefetch` deliveries at a time.
    pub fn resume(&self, prefetch: u16) {
        let pauses = self.pauses.load(Ordering::Relaxed);
        self.unless_draining(Mode::Consume { prefetch: prefetch.max(1), pauses });
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

    fn unless_draining(&self, wanted: Mode) {
        self.mode.send_if_modified(|mode| {
            let draining = matches!(mode, Mode::Drain | Mode::Close);
            if !draining {
                *mode = wanted;
            }
            !draining
        });
    }
}
