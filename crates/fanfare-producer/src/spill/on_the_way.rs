//! Events that were published and have no verdict yet.

use std::collections::{BTreeMap, VecDeque};

use fanfare_broker::{Confirmed, Place, PublishError, Sequence, Verdicts};

use super::waiting::{Submission, Waiting};

/// By their tags, which is their order.
#[derive(Default)]
pub(super) struct OnTheWay {
    waiting: BTreeMap<u64, Waiting>,
    last_tag: u64,
}

impl OnTheWay {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn oldest(&self) -> Option<&Waiting> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting)
    }

    /// Publishes from the front of `queue` while there are places: the one that was waited for,
    /// then those that there are.
    pub(super) fn publish<'a>(
        &mut self,
        queue: &mut VecDeque<Waiting>,
        mut waited_for: Option<Place<'a>>,
        sequence: &'a Sequence,
    ) {
        while !queue.is_empty()
            && let Some(place) = waited_for.take().or_else(|| sequence.place_now())
            && let Some(waiting) = queue.pop_front()
        {
            let Submission { route, message, .. } = &waiting.submission;
            self.last_tag += 1;
            match place.publish(self.last_tag, route, message.clone()) {
                Ok(()) => drop(self.waiting.insert(self.last_tag, waiting)),
                Err(error) => waiting.refuse(error),
            }
        }
    }

    pub(super) fn hear(&mut self, tag: u64, verdict: Result<Confirmed, PublishError>) {
        // A publisher that is closed said nothing of the event.
        if matches!(verdict, Err(PublishError::Closed)) {
            return;
        }
        let Some(waiting) = self.waiting.remove(&tag) else { return };
        match verdict {
            Ok(confirmed) => waiting.confirmed(confirmed),
            Err(error) => waiting.refuse(error),
        }
    }

    /// What is known already.
    pub(super) fn hear_all(&mut self, verdicts: &mut Verdicts) {
        while let Some((tag, verdict)) = verdicts.known() {
            self.hear(tag, verdict);
        }
    }

    /// Puts all of them back, in their order. Their sequence has to be dropped before.
    pub(super) fn give_back(self, queue: &mut VecDeque<Waiting>) {
        for (_, waiting) in self.waiting.into_iter().rev() {
            queue.push_front(waiting);
        }
    }
}
