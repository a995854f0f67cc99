//! What tells one state of a destination from another.

use super::copy::{Copy, View};
use super::life::{State, Told, Work};
use super::process::Goal;
use super::rules::Faults;
use super::site::Site;
use super::tally::{Tally, When};
use crate::outcome::Trouble;

/// What tells one state from another. Which event is which does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    events: Vec<EventKey>,
    left: Faults,
    gate: Option<(Option<Trouble>, bool, bool)>,
}

/// An event as broker, API and process have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct EventKey {
    tally: Tally,
    /// Whether the process has heard that it was delivered.
    is_known: bool,
    /// Or that it is a dead letter.
    is_dead: bool,
    queue: Vec<View>,
    delayed: Vec<View>,
    works: Vec<WorkKey>,
    adrift: Vec<(View, Goal)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct WorkKey {
    view: View,
    state: StateKey,
    done: Option<When>,
    is_stale: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum StateKey {
    /// What it waits for, and what it does then, follows from what it was told.
    Waits(Vec<Told>),
    Calls(bool),
    Publishes(View, Goal, bool),
    Settled,
}

impl Site {
    pub(super) fn key(&self) -> Key {
        let events = sorted((0..self.events.len()).map(|event| self.key_of(event)));
        Key { events, left: self.left, gate: self.life.as_ref().map(|life| life.gate) }
    }

    fn key_of(&self, event: usize) -> EventKey {
        let views = |copies: &[Copy]| {
            sorted(copies.iter().filter(|copy| copy.event == event).map(|copy| copy.view))
        };
        let life = self.life.as_ref();
        let works = life.into_iter().flat_map(|life| &life.works);
        let adrift = life.into_iter().flat_map(|life| &life.adrift);
        EventKey {
            tally: self.events[event].clone(),
            is_known: life.is_some_and(|life| life.known.contains(&event)),
            is_dead: life.is_some_and(|life| life.dead.contains(&event)),
            queue: views(&self.queue),
            delayed: views(&self.delayed),
            works: sorted(works.filter(|work| work.copy.event == event).map(WorkKey::of)),
            adrift: sorted(
                adrift
                    .filter(|(copy, _)| copy.event == event)
                    .map(|(copy, goal)| (copy.view, *goal)),
            ),
        }
    }
}

impl WorkKey {
    fn of(work: &Work) -> Self {
        let state = match &work.state {
            State::Waits => StateKey::Waits(work.told.clone()),
            State::Calls { is_taken } => StateKey::Calls(*is_taken),
            State::Publishes { copy, goal, is_stored } => {
                StateKey::Publishes(copy.view, *goal, *is_stored)
            }
            State::Settled => StateKey::Settled,
        };
        Self { view: work.copy.view, state, done: work.done, is_stale: work.is_stale }
    }
}

fn sorted<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all
}
