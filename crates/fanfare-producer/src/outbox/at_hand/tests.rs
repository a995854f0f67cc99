//! A relay that does anything at any time, dies and is succeeded: what holds all the same.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Commit(Option<KeyHash>),
    Read(usize),
    Publish,
    Verdict(usize, RowVerdict),
    Mark,
    MarkEnds(bool),
    Retry,
    LetGo,
    Die,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InTable {
    Pending,
    Sent,
    Refused,
}

/// A table, a broker, and a relay between them.
#[derive(Default)]
struct House {
    table: BTreeMap<RowId, (Option<KeyHash>, InTable)>,
    at_hand: AtHand,
    cursor: RowId,
    on_the_way: Vec<RowId>,
    marks: Option<Marks>,
    confirmed: HashSet<RowId>,
    condemned: HashSet<RowId>,
    published: HashSet<RowId>,
    /// Failed, and not published again since.
    failed: HashSet<RowId>,
}

impl House {
    fn step(&mut self, step: Step) {
        match step {
            Step::Commit(key) => {
                let id = RowId::try_from(self.table.len()).unwrap() + 1;
                self.table.insert(id, (key, InTable::Pending));
            }
            Step::Read(limit) => self.read(limit),
            Step::Publish => drop(self.publish()),
            Step::Verdict(which, verdict) => self.hear(which, verdict),
            Step::Mark => {
                if let Some(marks) = self.at_hand.marks() {
                    assert!(self.marks.replace(marks).is_none(), "one mark at a time");
                }
            }
            Step::MarkEnds(well) => self.mark_ends(well),
            Step::Retry => {
                self.at_hand.retry();
                self.cursor = 0;
            }
            Step::LetGo => {
                self.on_the_way.clear();
                self.at_hand.let_go();
                self.cursor = 0;
            }
            Step::Die => {
                // A mark that was under way may have been written or not.
                self.on_the_way.clear();
                self.marks = None;
                self.at_hand = AtHand::new();
                self.cursor = 0;
            }
        }
    }

    fn read(&mut self, limit: usize) {
        let behind_cursor = self.table.range(self.cursor + 1..);
        let pending = behind_cursor.filter(|(_, row)| row.1 == InTable::Pending);
        for (id, (key, _)) in pending.take(limit) {
            self.at_hand.take(*id, *key, 10);
            self.cursor = *id;
        }
        assert_eq!(self.at_hand.bytes(), 10 * self.at_hand.len());
    }

    fn publish(&mut self) -> Option<()> {
        let id = self.at_hand.publish_next()?;
        let key = self.table[&id].0;
        if key.is_some() {
            let earlier = self.table.range(..id).filter(|(_, row)| row.0 == key);
            for (earlier, (_, state)) in earlier {
                let settled = *state == InTable::Refused || self.condemned.contains(earlier);
                assert!(settled || self.published.contains(earlier), "{id} before {earlier}");
                assert!(!self.failed.contains(earlier), "{id} before {earlier}, which failed");
            }
        }
        assert!(!self.on_the_way.contains(&id), "{id} is under way already");
        self.published.insert(id);
        self.failed.remove(&id);
        self.on_the_way.push(id);
        Some(())
    }

    fn hear(&mut self, which: usize, verdict: RowVerdict) {
        if self.on_the_way.is_empty() {
            return;
        }
        let id = self.on_the_way.remove(which % self.on_the_way.len());
        match verdict {
            RowVerdict::Confirmed => drop(self.confirmed.insert(id)),
            RowVerdict::Refused(_) => drop(self.condemned.insert(id)),
            RowVerdict::Failed => drop(self.failed.insert(id)),
        }
        self.at_hand.verdict(id, verdict);
    }

    fn mark_ends(&mut self, well: bool) {
        let Some(marks) = self.marks.take() else { return };
        if !well {
            self.at_hand.not_marked(marks);
            return;
        }
        for id in &marks.sent {
            assert!(self.confirmed.contains(id), "{id} was never confirmed");
            self.table.get_mut(id).unwrap().1 = InTable::Sent;
        }
        for (id, _) in &marks.refused {
            assert!(self.condemned.contains(id));
            self.table.get_mut(id).unwrap().1 = InTable::Refused;
        }
        self.at_hand.marked(&marks);
    }

    /// All is well from now on: everything reaches its end.
    fn drain(&mut self) {
        self.step(Step::MarkEnds(true));
        self.step(Step::Retry);
        for _ in 0..2 {
            self.read(usize::MAX);
            while self.publish().is_some() {}
            while !self.on_the_way.is_empty() {
                self.hear(0, RowVerdict::Confirmed);
            }
            self.step(Step::Mark);
            self.step(Step::MarkEnds(true));
        }
        assert!(self.table.values().all(|(_, state)| *state != InTable::Pending));
        assert!(self.at_hand.is_empty() && self.at_hand.bytes() == 0);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![
        6 => Just(RowVerdict::Confirmed),
        1 => Just(RowVerdict::Refused("no event".into())),
        2 => Just(RowVerdict::Failed),
    ];
    let step = prop_oneof![
        6 => prop::option::weighted(0.8, 0..3u64).prop_map(Step::Commit),
        4 => (1..6usize).prop_map(Step::Read),
        8 => Just(Step::Publish),
        8 => (0..8usize, verdict).prop_map(|(which, verdict)| Step::Verdict(which, verdict)),
        3 => Just(Step::Mark),
        3 => any::<bool>().prop_map(Step::MarkEnds),
        1 => Just(Step::Retry),
        1 => Just(Step::LetGo),
        1 => Just(Step::Die),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_happens_rows_keep_their_order_and_all_reach_an_end(steps in steps()) {
        let mut house = House::default();
        for step in steps {
            house.step(step);
        }
        house.drain();
    }
}

const ADA: Option<KeyHash> = Some(1);
const BOB: Option<KeyHash> = Some(2);

fn published(at_hand: &mut AtHand) -> Vec<RowId> {
    std::iter::from_fn(|| at_hand.publish_next()).collect()
}

#[test]
fn after_a_failure_only_its_own_key_waits_and_starts_again_where_it_failed() {
    let mut at_hand = AtHand::new();
    at_hand.take(1, ADA, 5);
    at_hand.take(2, BOB, 5);
    assert_eq!(published(&mut at_hand), [1, 2]);
    at_hand.take(3, ADA, 5);
    at_hand.take(4, BOB, 5);
    at_hand.verdict(1, RowVerdict::Failed);
    assert_eq!(published(&mut at_hand), [4]);
    assert!(!at_hand.take(5, ADA, 5) && at_hand.holds());

    at_hand.retry();
    assert!(!at_hand.holds());
    for (id, key) in [(1, ADA), (2, BOB), (3, ADA), (4, BOB), (5, ADA)] {
        at_hand.take(id, key, 5);
    }
    assert_eq!(published(&mut at_hand), [1, 3, 5]);
}

#[test]
fn a_row_without_a_key_waits_for_nobody_and_nobody_for_it() {
    let mut at_hand = AtHand::new();
    for id in 1..=2 {
        at_hand.take(id, None, 5);
    }
    assert_eq!(published(&mut at_hand), [1, 2]);
    at_hand.verdict(1, RowVerdict::Failed);
    assert!(!at_hand.take(1, None, 5));
    assert!(at_hand.take(3, None, 5));
    assert_eq!(published(&mut at_hand), [3]);
    at_hand.retry();
    assert!(at_hand.take(1, None, 5));
}

#[test]
fn a_row_that_is_refused_is_passed_over() {
    let mut at_hand = AtHand::new();
    for id in 1..=2 {
        at_hand.take(id, ADA, 5);
    }
    at_hand.verdict(1, RowVerdict::Refused("not JSON".into()));
    assert_eq!(published(&mut at_hand), [2]);
    let marks = at_hand.marks().unwrap();
    assert_eq!((marks.sent.len(), marks.refused.len()), (0, 1));
}

#[test]
fn a_row_is_not_taken_again_while_it_is_being_marked() {
    let mut at_hand = AtHand::new();
    at_hand.take(1, ADA, 5);
    assert_eq!(published(&mut at_hand), [1]);
    at_hand.verdict(1, RowVerdict::Confirmed);
    let marks = at_hand.marks().unwrap();
    assert!(!at_hand.take(1, ADA, 5));
    at_hand.let_go();
    assert_eq!(at_hand.len(), 1);
    at_hand.not_marked(marks);
    let marks = at_hand.marks().unwrap();
    assert_eq!(at_hand.marks(), None);
    at_hand.marked(&marks);
    assert!(at_hand.is_empty());
}
