//! The seam between the engine and a downstream API.

use std::num::NonZeroU32;

use fanfare_events::{Event, IdempotencyKey};

use crate::outcome::Outcome;

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

    /// Delivers the attempt's event, with one call.
    fn deliver(&self, attempt: &Attempt) -> impl Future<Output = Outcome> + Send;
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
