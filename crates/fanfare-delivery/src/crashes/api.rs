//! The API that is called for events, played by the explorer: a call lies on its desk until it
//! is told how that ended.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::destination::{Attempt, Destination};
use crate::outcome::{Outcome, Reason};

/// The destination as the engine sees it.
pub(super) struct Api {
    pub(super) desk: Arc<Desk>,
    /// Whether it tells what it has.
    pub(super) tells: bool,
}

/// Where calls arrive.
#[derive(Default)]
pub(super) struct Desk(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    arrived: Vec<oneshot::Sender<Outcome>>,
    /// The ids of the events that the API has.
    has: Vec<String>,
}

impl Desk {
    /// The call that arrived since it was last looked, if there is one.
    pub(super) fn arrived(&self) -> Option<oneshot::Sender<Outcome>> {
        let mut arrived = take(&mut self.inner().arrived);
        debug_assert!(arrived.len() <= 1, "a delivery calls once at a time");
        arrived.pop()
    }

    /// The API has the event with this id.
    pub(super) fn has(&self, id: &str) {
        self.inner().has.push(id.to_owned());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Destination for Api {
    fn handles(&self, _event_type: &str) -> bool {
        true
    }

    async fn deliver(&self, _attempt: &Attempt) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.desk.inner().arrived.push(answer);
        let lost = |_| Outcome::Ambiguous { reason: Reason::new("nobody answers") };
        answered.await.unwrap_or_else(lost)
    }

    async fn was_delivered(&self, attempt: &Attempt) -> Option<bool> {
        let id = attempt.event().id().as_str();
        self.tells.then(|| self.desk.inner().has.iter().any(|had| had == id))
    }
}
