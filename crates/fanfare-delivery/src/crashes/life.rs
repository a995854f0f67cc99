//! What is known of a process from outside: which deliveries it has, and how far it is with each.

use std::collections::BTreeSet;

use super::copy::Copy;
use super::lives::{Lives, Moment};
use super::process::{Deed, Goal, Input, Response};
use super::steps::Answer;
use super::tally::When;
use crate::outcome::Trouble;

/// A process, seen from outside.
#[derive(Clone)]
pub(super) struct Life {
    lives: Lives,
    moment: Moment,
    pub(super) gate: (Option<Trouble>, bool, bool),
    handed_over: usize,
    /// What it has heard to be delivered.
    pub(super) known: BTreeSet<usize>,
    /// What it has heard to be a dead letter.
    pub(super) dead: BTreeSet<usize>,
    pub(super) works: Vec<Work>,
    /// Successors that the process takes for confirmed, on their way to the broker still.
    pub(super) adrift: Vec<(Copy, Goal)>,
}

/// A delivery that the process has.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// Counted from the first that the process was handed.
    pub(super) number: usize,
    pub(super) copy: Copy,
    pub(super) state: State,
    /// What would happen twice if it were handed over again.
    pub(super) done: Option<When>,
    /// What it was told, as far as that matters to what it does next.
    pub(super) told: Vec<Told>,
    /// Its channel is gone, so its copy is back in the queue.
    pub(super) is_stale: bool,
}

/// What a process is told about a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Told {
    /// Its call ends so.
    Answer(Answer),
    /// Its successor is confirmed.
    Confirm,
    /// It remains open whether its successor is.
    Open,
}

/// What a delivery waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// For time to pass, or for another.
    Waits,
    Calls {
        is_taken: bool,
    },
    Publishes {
        copy: Copy,
        goal: Goal,
        is_stored: bool,
    },
    /// For the broker to hear that it is settled.
    Settled,
}

impl Life {
    pub(super) fn begin(lives: &Lives, api_has: impl Iterator<Item = usize>) -> Self {
        let mut life = Self {
            lives: lives.clone(),
            moment: lives.birth(),
            gate: (None, false, true),
            handed_over: 0,
            known: BTreeSet::new(),
            dead: BTreeSet::new(),
            works: Vec::new(),
            adrift: Vec::new(),
        };
        api_has.for_each(|event| life.tell(Input::ApiHas(event)));
        life
    }

    pub(super) fn hand_over(&mut self, copy: Copy) {
        self.works.push(Work {
            number: self.handed_over,
            copy: copy.clone(),
            state: State::Waits,
            done: None,
            told: Vec::new(),
            is_stale: false,
        });
        self.handed_over += 1;
        self.tell(Input::HandOver(copy));
    }

    /// The process is told something about a delivery, which waits until it says otherwise.
    pub(super) fn tell_work(&mut self, number: usize, told: Told) {
        let work = self.work(number);
        let was = std::mem::replace(&mut work.state, State::Waits);
        work.told.push(told);
        let event = work.copy.event;
        match (told, was) {
            (Told::Answer(Answer::Yes), _) => drop(self.known.insert(event)),
            (Told::Confirm, State::Publishes { goal: Goal::DeadLetters, .. }) => {
                work.done = Some(When::Buried);
                self.dead.insert(event);
            }
            _ => {}
        }
        self.tell(Input::Tell(number, told));
    }

    pub(super) fn tell(&mut self, input: Input) {
        let (moment, response) = self.lives.tell(self.moment, input);
        self.moment = moment;
        let Response { deeds, gate } = &*response;
        self.gate = *gate;
        for deed in deeds {
            match deed {
                Deed::Calls(work) => self.work(*work).state = State::Calls { is_taken: false },
                Deed::Publishes(work, copy, goal) => {
                    let (copy, goal) = (copy.clone(), *goal);
                    self.work(*work).state = State::Publishes { copy, goal, is_stored: false };
                }
                Deed::Settles(work) => {
                    let work = self.work(*work);
                    work.state = State::Settled;
                    let event = work.copy.event;
                    // It is acked without a call, for the API has told that it has it.
                    if work.told.is_empty() && !self.dead.contains(&event) {
                        self.known.insert(event);
                    }
                }
                Deed::Leaves(work) => {
                    assert!(self.work(*work).is_stale, "nobody took it back");
                    self.works.retain(|it| it.number != *work);
                }
                Deed::Acks(work) => self.works.retain(|it| it.number != *work),
            }
        }
        // Nobody hears of these.
        self.works.retain(|work| !work.is_stale || work.state != State::Settled);
    }

    /// The channel is lost, and there is another one.
    pub(super) fn cut(&mut self) {
        for work in &mut self.works {
            work.is_stale = true;
        }
        self.tell(Input::Cut);
    }

    /// Deliveries that the broker has not heard of.
    pub(super) fn unacked(&self) -> impl Iterator<Item = &Work> {
        self.works.iter().filter(|work| !work.is_stale)
    }

    pub(super) fn work(&mut self, number: usize) -> &mut Work {
        let mut works = self.works.iter_mut();
        works.find(|work| work.number == number).expect("only what is at hand is worked on")
    }
}
