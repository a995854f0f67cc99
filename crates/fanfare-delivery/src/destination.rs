//! The seam between the engine and a downstream API.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use fanfare_events::{Event, IdempotencyKey};

use crate::http::HttpClient;
use crate::outcome::{Outcome, Reason};

/// A downstream API that events are delivered to.
///
/// An implementation makes one call and reports how it went. Retrying,
/// deduplicating, timing out and dead-lettering belong to the engine.
pub trait Destination: Send + Sync + 'static {
    /// Whether events of this type mean anything to the destination. One that does
    /// not is acked and counted as skipped.
    fn handles(&self, event_type: &str) -> bool;

    /// Host and port of the API, for `--check` to try; `None` if there is no such thing.
    fn address(&self) -> Option<(String, u16)> {
        None
    }

    /// The client that calls the API: `--check` dials as it does, and its answers may tell
    /// how much of the API's rate limit is left. `None` if there is no such thing.
    fn client(&self) -> Option<&HttpClient> {
        None
    }

    /// Delivers the attempt's event, with one call.
    fn deliver(&self, attempt: &Attempt) -> impl Future<Output = Outcome> + Send;

    /// How many events one call may deliver; `None` where it is one.
    fn batching(&self) -> Option<Batching> {
        None
    }

    /// Whether the event may share a call. One that may not goes through
    /// [`deliver`](Self::deliver), as every event does without [`batching`](Self::batching),
    /// and as a retry does: it may be what the call failed for.
    fn fits_batch(&self, event: &Event) -> bool {
        let _ = event;
        true
    }

    /// Delivers the attempts' events, with one call. They are in the order in which the
    /// queue handed them over, and no two have the same key.
    fn deliver_batch(&self, attempts: &[Attempt]) -> impl Future<Output = Batched> + Send {
        async move {
            let mut outcomes = Vec::with_capacity(attempts.len());
            for attempt in attempts {
                outcomes.push(self.deliver(attempt).await);
            }
            Batched::Each(outcomes)
        }
    }

    /// Whether the API has the event already, asked before an event is sent that may have
    /// been sent before: an earlier call got no answer, or its process died. `None` when the
    /// API cannot tell; the same when it has not told within five seconds.
    fn was_delivered(&self, attempt: &Attempt) -> impl Future<Output = Option<bool>> + Send {
        let _ = attempt;
        async { None }
    }
}

/// How many events a destination takes in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// The most that one call may hold.
    pub most: NonZeroUsize,
    /// How long the first one waits for others at most.
    pub wait: Duration,
}

/// How a call with several events ended.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Batched {
    /// Each for itself, in the order of the attempts.
    Each(Vec<Outcome>),
    /// The same for all: the call failed as a whole, and not because of what was in it.
    All(Outcome),
    /// Refused as a whole because of what was in it. Nothing took effect; the engine
    /// splits it until the events that are to blame are alone.
    Refused {
        /// What was wrong, for people.
        reason: Reason,
    },
}

/// One attempt to deliver one event.
#[derive(Clone, Debug)]
pub struct Attempt {
    event: Event,
    key: IdempotencyKey,
    number: NonZeroU32,
}

impl Attempt {
    /// The attempt with this number, from 1, at delivering `event`.
    pub fn new(event: Event, key: IdempotencyKey, number: NonZeroU32) -> Self {
        Self { event, key, number }
    }

    /// What is to be delivered.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The same in every attempt, redelivery and replay of this event at this destination.
    pub fn key(&self) -> IdempotencyKey {
        self.key
    }

    pub(crate) fn into_event(self) -> Event {
        self.event
    }

    /// Which attempt this is, from 1.
    pub fn number(&self) -> NonZeroU32 {
        self.number
    }
}
