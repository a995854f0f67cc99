//! How far a delivery got, and what is known of it.

use std::time::Duration;

use fanfare_broker::{Cause, Received};
use fanfare_events::{DestinationName, Event};

use crate::clock::{as_ms, now_ms};
use crate::outcome::Outcome;
use crate::report::{Report, Result as Settled};
use crate::successor::History;

/// What is known of a delivery on its way through the engine.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) result: Settled,
    /// What was in the message, once it was read.
    pub(crate) event: Option<Event>,
    pub(crate) history: History,
    pub(crate) cause: Option<Cause>,
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
}

/// A delivery that has been settled.
#[derive(Debug)]
pub(crate) struct FinishedDelivery {
    pub(crate) message: Received,
    pub(crate) ended: Ended,
}

impl Ended {
    /// Nothing has happened yet.
    pub(crate) fn unread(message: &Received) -> Self {
        Self {
            result: Settled::Dead,
            event: None,
            history: History {
                attempts: message.attempts(),
                first_attempt_at_ms: message.first_attempt_at_ms(),
                unanswered: message.unanswered(),
                first_dead_at_ms: message.first_dead_at_ms(),
            },
            cause: None,
            status: None,
            took: Duration::ZERO,
        }
    }

    pub(crate) fn attempted(self, outcome: &Outcome, took: Duration) -> Self {
        let status = outcome.reason().and_then(|reason| reason.status);
        let mut history = self.history;
        if let Outcome::Ambiguous { .. } = outcome {
            history.unanswered = history.unanswered.saturating_add(1);
        }
        Self { took, status, history, ..self }
    }

    pub(crate) fn with(self, result: Settled) -> Self {
        Self { result, ..self }
    }

    /// The event's id, or the message's as long as it has not been read.
    pub(crate) fn event_id<'a>(&'a self, message: &'a Received) -> &'a str {
        self.event.as_ref().map_or_else(|| message.id(), |event| event.id().as_str())
    }

    /// Time since it was published, or since its first attempt if that is unknown.
    pub(crate) fn age(&self, message: &Received, now_ms: u64) -> Duration {
        let published_at_ms = message.timestamp().map(|seconds| seconds.saturating_mul(1000));
        let since = published_at_ms.or(self.history.first_attempt_at_ms).unwrap_or(now_ms);
        Duration::from_millis(now_ms.saturating_sub(since))
    }
}

impl FinishedDelivery {
    /// What is told about it to whoever listens.
    pub(crate) fn report(&self, destination: &DestinationName) -> Report {
        let Self { message, ended } = self;
        let event = ended.event.as_ref();
        let source = event.map(Event::source).or_else(|| message.app_id());
        let event_type = event.map(Event::event_type).or_else(|| message.kind());
        Report {
            event_id: ended.event_id(message).to_owned(),
            source: source.map(str::to_owned),
            event_type: event_type.map(str::to_owned),
            destination: destination.to_string(),
            attempt: ended.history.attempts,
            outcome: ended.result,
            cause: ended.cause,
            status: ended.status,
            duration_ms: as_ms(ended.took),
            at: now_ms(),
            trace_id: trace_id(message),
        }
    }
}

/// The second field of a `traceparent` (W3C Trace Context §3.2).
fn trace_id(message: &Received) -> Option<String> {
    let (parent, _) = message.trace_context()?;
    parent.split('-').nth(1).map(str::to_owned)
}
