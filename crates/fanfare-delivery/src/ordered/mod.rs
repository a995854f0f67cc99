//! Order: deliveries with the same key go one after the other.
//!
//! The destination's queue has a single active consumer, so one process has all that is under
//! way, and what it leaves stands in its order before the rest. In here each key has a lane;
//! its head waits for its retry in place, unacked, and the others of its lane behind it. What
//! goes back goes back as a whole, all that came by one channel: a part of it would come again
//! behind the rest.

mod blockade;
mod lanes;
mod letters;
mod run;
mod session;
mod work;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fanfare_broker::BrokerConfig;

pub(crate) use blockade::Blockade;

/// How the deliveries of a destination are ordered. Their key is the event's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderSettings {
    /// What happens to the later events of a key when an earlier one became a dead letter.
    pub after_dead: AfterDead,
    /// How long the retries of an event may keep its key waiting.
    pub patience: Duration,
}

/// What happens to the later events of a key when an earlier one became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterDead {
    /// They follow it, until no letter of the key is left.
    Block,
    /// They go on without it.
    Skip,
}

/// What an engine that keeps order knows besides.
#[derive(Debug)]
pub(crate) struct Order {
    patience: Duration,
    /// Where dead letters block their keys.
    blockade: Option<Blockade>,
    /// Attempts that ended, so that a process with nothing but retries does not look stalled.
    attempts: AtomicU64,
}

/// Deliveries at hand, those that wait for an earlier one of their key included. Fixed, since
/// one at a time, as an unordered destination probes, would not keep what was taken together
/// together.
pub(crate) const PREFETCH: u16 = 512;

/// The longest patience. RabbitMQ closes a channel that has kept a delivery for 30 minutes,
/// and an event may come to the head of its lane when it has waited for another already.
pub(crate) const LONGEST_PATIENCE: Duration = Duration::from_secs(20 * 60);

/// When everything is given back, long enough before RabbitMQ does it.
const LONGEST_UNSETTLED: Duration = Duration::from_secs(25 * 60);

/// Whatever is at hand goes back together, so each is handed over again for what happened to
/// another.
const POISON_DELIVERIES: u64 = 500;

impl Order {
    pub(crate) fn new(settings: OrderSettings, broker: &BrokerConfig, dead: String) -> Self {
        let blockade = match settings.after_dead {
            AfterDead::Block => Some(Blockade::new(broker.clone(), dead)),
            AfterDead::Skip => None,
        };
        Self { patience: settings.patience, blockade, attempts: AtomicU64::new(0) }
    }

    fn attempted(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
    }

    /// How many attempts ended since the last question.
    fn take_attempts(&self) -> u64 {
        self.attempts.swap(0, Ordering::Relaxed)
    }

    /// Whether there are more dead letters than can be kept in mind.
    fn is_full(&self) -> bool {
        self.blockade.as_ref().is_some_and(Blockade::is_full)
    }

    /// How many keys are blocked.
    pub(crate) fn blocked_keys(&self) -> usize {
        self.blockade.as_ref().map_or(0, Blockade::blocked_keys)
    }
}
