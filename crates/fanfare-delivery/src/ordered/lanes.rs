//! One lane for each key: what is in it goes one after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What orders deliveries: those with equal keys go one after the other.
pub(super) type Key = Arc<str>;

/// The lanes of one session.
///
/// The next of a lane starts only when the queue is known to have taken the ack of the one
/// before. Otherwise a crash would bring back the earlier one after the later one was called.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    lanes: HashMap<Key, Lane<T>>,
    /// Lanes whose head was acked, and nobody has asked yet whether the ack was taken.
    acked: Vec<Key>,
    /// Lanes for which that question is on its way.
    asked: Vec<Key>,
    /// Of `acked`, those in which somebody waits.
    held_up: usize,
}

#[derive(Debug)]
struct Lane<T> {
    head: Head,
    waiting: VecDeque<T>,
}

/// How far the head of a lane is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    AtWork,
    Acked,
    Asked,
}

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        Self { lanes: HashMap::new(), acked: Vec::new(), asked: Vec::new(), held_up: 0 }
    }

    /// `item` stands in line for `key`; it is given back if it is to start now.
    pub(super) fn enter(&mut self, key: &Key, item: T) -> Option<T> {
        let Some(lane) = self.lanes.get_mut(key) else {
            let lane = Lane { head: Head::AtWork, waiting: VecDeque::new() };
            self.lanes.insert(Arc::clone(key), lane);
            return Some(item);
        };
        if lane.head == Head::Acked && lane.waiting.is_empty() {
            self.held_up += 1;
        }
        lane.waiting.push_back(item);
        None
    }

    /// The head of the lane was acked.
    pub(super) fn acked(&mut self, key: &Key) {
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.head = Head::Acked;
            self.held_up += usize::from(!lane.waiting.is_empty());
            self.acked.push(Arc::clone(key));
        }
    }

    /// Whether somebody waits to hear that an ack was taken, and nobody has asked.
    pub(super) fn is_held_up(&self) -> bool {
        self.held_up > 0 && self.asked.is_empty()
    }

    /// The same, for the sake of lanes in which nobody waits: they end with the answer.
    pub(super) fn has_acked(&self) -> bool {
        !self.acked.is_empty() && self.asked.is_empty()
    }

    /// It is asked whether all acks so far were taken. One question at a time.
    pub(super) fn ask(&mut self) {
        debug_assert!(self.asked.is_empty(), "one question at a time");
        self.asked = std::mem::take(&mut self.acked);
        self.held_up = 0;
        for key in &self.asked {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.head = Head::Asked;
            }
        }
    }

    /// They were; here is what may start now.
    pub(super) fn taken(&mut self) -> Vec<(Key, T)> {
        let mut starting = Vec::new();
        for key in std::mem::take(&mut self.asked) {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            match lane.waiting.pop_front() {
                Some(item) => {
                    lane.head = Head::AtWork;
                    starting.push((key, item));
                }
                None => {
                    self.lanes.remove(&key);
                }
            }
        }
        starting
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: usize) -> Key {
        name.to_string().into()
    }

    #[test]
    fn the_next_of_a_key_starts_when_the_ack_of_the_one_before_was_taken() {
        let mut lanes = Lanes::new();
        assert_eq!(lanes.enter(&key(1), "a"), Some("a"));
        assert_eq!(lanes.enter(&key(1), "b"), None);
        assert_eq!(lanes.enter(&key(2), "other"), Some("other"), "keys do not wait for each other");
        assert!(!lanes.is_held_up());
        lanes.acked(&key(1));
        assert!(lanes.is_held_up());
        lanes.ask();
        assert_eq!(lanes.enter(&key(1), "c"), None, "the answer is not there yet");
        assert_eq!(lanes.taken(), [(key(1), "b")]);
    }

    #[test]
    fn an_ack_after_the_question_waits_for_the_next_one() {
        let mut lanes = Lanes::new();
        for (name, item) in [(1, "a"), (2, "x"), (2, "y")] {
            lanes.enter(&key(name), item);
        }
        lanes.acked(&key(1));
        lanes.ask();
        lanes.acked(&key(2));
        assert!(!lanes.is_held_up(), "one question at a time");
        assert_eq!(lanes.taken(), []);
        assert!(lanes.is_held_up());
        lanes.ask();
        assert_eq!(lanes.taken(), [(key(2), "y")]);
    }

    #[test]
    fn whoever_comes_after_an_ack_that_nobody_asked_about_makes_it_worth_a_question() {
        let mut lanes = Lanes::new();
        lanes.enter(&key(1), "a");
        lanes.acked(&key(1));
        assert!(lanes.has_acked() && !lanes.is_held_up());
        assert_eq!(lanes.enter(&key(1), "b"), None);
        assert!(lanes.is_held_up());
    }

    /// What may happen to lanes.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enter(usize),
        /// One of those at work is acked.
        Ack(usize),
        Ask,
        Taken,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0usize..5).prop_map(Step::Enter),
            3 => any::<usize>().prop_map(Step::Ack),
            1 => Just(Step::Ask),
            1 => Just(Step::Taken),
        ]
    }

    /// Lanes, and what is known of them from outside.
    struct Play {
        lanes: Lanes<(usize, usize)>,
        entered: usize,
        at_work: Vec<(usize, usize)>,
        started: Vec<(usize, usize)>,
        /// Acked, with the number of questions asked before.
        acked: HashMap<usize, usize>,
        questions: usize,
        answers: usize,
    }

    impl Play {
        fn start(&mut self, (name, number): (usize, usize)) {
            assert!(self.at_work.iter().all(|(other, _)| *other != name), "two of {name} at once");
            if let Some(asked_before) = self.acked.get(&name) {
                assert!(self.answers > *asked_before, "{name} starts before its ack was taken");
            }
            self.at_work.push((name, number));
            self.started.push((name, number));
        }

        fn play(&mut self, step: Step) {
            match step {
                Step::Enter(name) => {
                    self.entered += 1;
                    if let Some(item) = self.lanes.enter(&key(name), (name, self.entered)) {
                        self.start(item);
                    }
                }
                Step::Ack(which) if !self.at_work.is_empty() => {
                    let (name, _) = self.at_work.swap_remove(which % self.at_work.len());
                    self.lanes.acked(&key(name));
                    self.acked.insert(name, self.questions);
                }
                Step::Ask if self.lanes.has_acked() => {
                    self.lanes.ask();
                    self.questions += 1;
                }
                Step::Taken if self.answers < self.questions => {
                    self.answers = self.questions;
                    for (_, item) in self.lanes.taken() {
                        self.start(item);
                    }
                }
                Step::Ack(_) | Step::Ask | Step::Taken => {}
            }
        }
    }

    proptest! {
        #[test]
        fn each_key_goes_in_its_order_one_at_a_time_and_nothing_is_left_behind(
            steps in prop::collection::vec(step(), 0..300)
        ) {
            let mut play = Play {
                lanes: Lanes::new(),
                entered: 0,
                at_work: Vec::new(),
                started: Vec::new(),
                acked: HashMap::new(),
                questions: 0,
                answers: 0,
            };
            for step in steps {
                play.play(step);
            }
            // Somebody who waits is always worth a question, so this comes to its end.
            while !play.at_work.is_empty() || play.questions > play.answers || play.lanes.is_held_up() {
                play.play(Step::Ack(0));
                if play.lanes.is_held_up() {
                    play.play(Step::Ask);
                }
                play.play(Step::Taken);
            }
            prop_assert_eq!(play.started.len(), play.entered);
            for name in 0..5 {
                let numbers: Vec<_> =
                    play.started.iter().filter(|(other, _)| *other == name).collect();
                prop_assert!(numbers.is_sorted());
            }
            play.play(Step::Ask);
            play.play(Step::Taken);
            prop_assert!(play.lanes.lanes.is_empty());
        }
    }
}
