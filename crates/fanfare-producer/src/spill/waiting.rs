//! An event that is handed in, and the answer that its caller waits for.

use fanfare_broker::{Confirmed, Message, PublishError, Route};
use fanfare_events::EventId;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::error::SpillError;
use super::producer::Stored;
use crate::outbox::Written;
use crate::producer::Receipt;

/// An event, and who waits for it.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) id: EventId,
    pub(super) event_type: String,
    pub(super) ordering_key: Option<String>,
    pub(super) route: Route,
    pub(super) message: Message,
    pub(super) answer: oneshot::Sender<Result<Stored, SpillError>>,
}

/// One that took neither way yet.
pub(super) struct Waiting {
    pub(super) submission: Submission,
    /// When it came, or began to wait for the other way.
    pub(super) since: Instant,
}

impl Waiting {
    pub(super) fn bytes(&self) -> u64 {
        self.submission.message.body().len() as u64
    }

    pub(super) fn written(&self) -> Written<'_> {
        let Submission { id, event_type, ordering_key, message, .. } = &self.submission;
        Written {
            event_id: id.as_str(),
            event_type,
            ordering_key: ordering_key.as_deref(),
            body: message.body().to_vec(),
        }
    }

    pub(super) fn stored(self) {
        let id = self.submission.id.clone();
        self.answer(Ok(Stored::Spill(id)));
    }

    pub(super) fn confirmed(self, confirmed: Confirmed) {
        let id = self.submission.id.clone();
        self.answer(Ok(Stored::Broker(Receipt { id, routed: confirmed.routed })));
    }

    pub(super) fn refuse(self, error: PublishError) {
        self.answer(Err(crate::error::PublishError::from(error).into()));
    }

    pub(super) fn answer(self, answer: Result<Stored, SpillError>) {
        // Whoever stopped waiting does not ask.
        drop(self.submission.answer.send(answer));
    }
}
