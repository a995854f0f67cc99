//! Where every event stands at every destination, as the consumers report it.
//!
//! Reports are for the eye, and to know when to stop waiting: the engine may drop some. The
//! balance is made from what the APIs have and from what the dead-letter queues hold.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_events::IdempotencyKey;
use serde::Deserialize;
use tokio::time::Instant;

/// Where an event stands at a destination.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// Nothing is known yet.
    Waiting,
    /// It failed and comes again.
    #[serde(alias = "hold")]
    Retry,
    #[serde(alias = "duplicate")]
    Delivered,
    Dead,
    Skipped,
}

/// How many events stand where, for one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) waiting: usize,
    pub(super) retrying: usize,
    pub(super) delivered: usize,
    pub(super) dead: usize,
    pub(super) skipped: usize,
}

/// All that is shown while the demo runs.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) to_publish: usize,
    pub(super) published: usize,
    pub(super) destinations: Vec<(&'static str, Count)>,
}

/// Where every event stands at every destination.
#[derive(Debug)]
pub(super) struct Board(Mutex<State>);

#[derive(Debug)]
struct State {
    to_publish: usize,
    published: usize,
    destinations: Vec<Destination>,
    last_report: Instant,
}

#[derive(Debug)]
struct Destination {
    name: &'static str,
    standings: HashMap<IdempotencyKey, Standing>,
    count: Count,
}

impl Board {
    pub(super) fn new(destinations: impl IntoIterator<Item = &'static str>) -> Self {
        let destination =
            |name| Destination { name, standings: HashMap::new(), count: Count::default() };
        Self(Mutex::new(State {
            to_publish: 0,
            published: 0,
            destinations: destinations.into_iter().map(destination).collect(),
            last_report: Instant::now(),
        }))
    }

    /// An event will be published; `keys` are its keys at the destinations, in their order.
    pub(super) fn expect(&self, keys: impl IntoIterator<Item = IdempotencyKey>) {
        let mut state = self.lock();
        state.to_publish += 1;
        for (destination, key) in state.destinations.iter_mut().zip(keys) {
            destination.put(key, Standing::Waiting);
        }
    }

    /// The broker has an event.
    pub(super) fn published(&self) {
        self.lock().published += 1;
    }

    /// Dead letters go back to their destination.
    pub(super) fn replaying<'a>(
        &self,
        name: &str,
        keys: impl IntoIterator<Item = &'a IdempotencyKey>,
    ) {
        let mut state = self.lock();
        state.last_report = Instant::now();
        if let Some(destination) = state.destination(name) {
            for key in keys {
                destination.put(*key, Standing::Waiting);
            }
        }
    }

    /// A consumer says where an event stands. Events of others are none of our business.
    pub(super) fn reported(&self, name: &str, key: IdempotencyKey, standing: Standing) {
        let mut state = self.lock();
        state.last_report = Instant::now();
        if let Some(destination) = state.destination(name)
            && destination.standings.contains_key(&key)
        {
            destination.put(key, standing);
        }
    }

    /// Whether the last report about every event was a final one.
    pub(super) fn is_settled(&self) -> bool {
        let state = self.lock();
        state.destinations.iter().all(|one| one.count.waiting + one.count.retrying == 0)
    }

    /// How long nothing was reported.
    pub(super) fn quiet_for(&self) -> Duration {
        self.lock().last_report.elapsed()
    }

    pub(super) fn standing(&self, name: &str, key: &IdempotencyKey) -> Standing {
        let mut state = self.lock();
        let destination = state.destination(name);
        destination
            .and_then(|destination| destination.standings.get(key).copied())
            .unwrap_or(Standing::Waiting)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot {
            to_publish: state.to_publish,
            published: state.published,
            destinations: state.destinations.iter().map(|one| (one.name, one.count)).collect(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Counts are changed by steps that cannot panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn destination(&mut self, name: &str) -> Option<&mut Destination> {
        self.destinations.iter_mut().find(|destination| destination.name == name)
    }
}

impl Destination {
    fn put(&mut self, key: IdempotencyKey, standing: Standing) {
        if let Some(before) = self.standings.insert(key, standing) {
            *self.count.of(before) -= 1;
        }
        *self.count.of(standing) += 1;
    }
}

impl Count {
    fn of(&mut self, standing: Standing) -> &mut usize {
        match standing {
            Standing::Waiting => &mut self.waiting,
            Standing::Retry => &mut self.retrying,
            Standing::Delivered => &mut self.delivered,
            Standing::Dead => &mut self.dead,
            Standing::Skipped => &mut self.skipped,
        }
    }

    /// Events that came to an end.
    pub(super) fn settled(&self) -> usize {
        self.delivered + self.dead + self.skipped
    }

    pub(super) fn total(&self) -> usize {
        self.waiting + self.retrying + self.settled()
    }
}

#[cfg(test)]
mod tests {
    use fanfare_events::{DestinationName, EventId};

    use super::*;

    fn key(id: &str) -> IdempotencyKey {
        let destination: DestinationName = "hubspot".parse().unwrap();
        IdempotencyKey::from_parts("/a", &EventId::new(id).unwrap(), &destination)
    }

    #[test]
    fn an_event_stands_where_the_last_report_says() {
        let board = Board::new(["hubspot"]);
        assert!(board.is_settled());
        board.expect([key("1")]);
        board.expect([key("2")]);
        for standing in [Standing::Retry, Standing::Dead] {
            board.reported("hubspot", key("1"), standing);
        }
        board.reported("hubspot", key("2"), Standing::Delivered);
        board.reported("hubspot", key("of somebody else"), Standing::Delivered);
        board.reported("unknown", key("1"), Standing::Delivered);
        let count = board.snapshot().destinations[0].1;
        assert_eq!(count, Count { delivered: 1, dead: 1, ..Count::default() });
        assert!(board.is_settled());

        board.replaying("hubspot", [&key("1")]);
        assert!(!board.is_settled());
        assert_eq!(board.standing("hubspot", &key("1")), Standing::Waiting);
    }

    #[test]
    fn every_outcome_of_a_report_is_understood() {
        for (outcome, standing) in [
            ("delivered", Standing::Delivered),
            ("duplicate", Standing::Delivered),
            ("dead", Standing::Dead),
            ("skipped", Standing::Skipped),
            ("retry", Standing::Retry),
            ("hold", Standing::Retry),
        ] {
            assert_eq!(serde_json::from_value::<Standing>(outcome.into()).unwrap(), standing);
        }
    }
}
