//! Every interleaving of relays, their broker and their table, for a few rows and a few faults.
//!
//! [`AtHand`] is the real one; the table, the broker and the way between them are played. Between
//! any two steps of a relay, whatever can happen is tried: a commit, a read, a mark that is
//! written and not answered, a connection that is cut with any part of what was under way taken,
//! a crash. In every state:
//!
//! - what is marked as sent is at the broker, so nothing is lost;
//! - what is at the broker was committed;
//! - first copies of the rows with one key are at the broker in the order of their ids.
//!
//! Once nothing more goes wrong everything comes to rest: each committed row is at the broker and
//! marked, with one copy, and at most one more for each fault.

use fanfare_sandbox::explore::{Explored, Model, Story, explore};

use super::*;

/// Rows 1 and 2 have one key, row 3 another; row 3's transaction may be rolled back.
const ROWS: [(RowId, KeyHash); 3] = [(1, 7), (2, 7), (3, 9)];

/// How many faults there may be, and what else.
#[derive(Clone, Copy, Debug)]
struct Rules {
    rows: usize,
    relays: usize,
    faults: usize,
    refusals: usize,
    /// A relay that marks what it has published and what nobody has confirmed.
    marks_too_early: bool,
}

const ONE_RELAY: Rules =
    Rules { rows: 3, relays: 1, faults: 1, refusals: 0, marks_too_early: false };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum InTable {
    Uncommitted,
    RolledBack,
    Pending,
    Sent,
}

/// A relay, and what is on the way between it and its broker and table.
#[derive(Clone, Debug, Default)]
struct Relay {
    at_hand: AtHand,
    cursor: RowId,
    /// Sent, in this order, and not taken by the broker yet.
    sent: Vec<RowId>,
    /// What the broker has said and the relay has not heard; whether it took the row.
    said: Vec<(RowId, bool)>,
    /// A mark that is under way, and whether the table has it.
    mark: Option<(Marks, bool)>,
}

#[derive(Clone, Debug)]
struct House {
    rules: Rules,
    table: Vec<InTable>,
    /// Each copy that the broker took, in order.
    broker: Vec<RowId>,
    relays: Vec<Relay>,
    faults: usize,
    refusals: usize,
}

/// Of a relay, where there is a number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Commit(usize),
    RollBack(usize),
    Read(usize),
    Publish(usize),
    Take(usize),
    Refuse(usize),
    Hear(usize),
    Retry(usize),
    Mark(usize),
    Write(usize),
    Marked(usize),
    /// The table does not answer; it may have written the mark, and the relay lets go.
    Unanswered(usize),
    /// The connection to the broker is cut once it has taken so many more.
    Cut(usize, usize),
    /// The relay dies, and the broker takes so many more of what it had sent.
    Die(usize, usize),
}

impl House {
    fn of(rules: Rules) -> Self {
        Self {
            rules,
            table: vec![InTable::Uncommitted; rules.rows],
            broker: Vec::new(),
            relays: vec![Relay::default(); rules.relays],
            faults: rules.faults,
            refusals: rules.refusals,
        }
    }

    fn of_table(&self, steps: &mut Vec<Step>) {
        for (row, (_, key)) in ROWS.iter().enumerate().take(self.table.len()) {
            // Of one key the smaller id is committed first.
            let mut before = ROWS.iter().zip(&self.table).take(row);
            let is_next =
                before.all(|((_, other), is)| other != key || *is != InTable::Uncommitted);
            if self.table[row] == InTable::Uncommitted && is_next {
                steps.push(Step::Commit(row));
                if row == 2 {
                    steps.push(Step::RollBack(row));
                }
            }
        }
    }

    fn of_relay(&self, number: usize, steps: &mut Vec<Step>) {
        let relay = &self.relays[number];
        let at_hand = &relay.at_hand;
        if self.pending_behind(relay.cursor).next().is_some()
            || (!at_hand.holds() && at_hand.is_empty() && relay.cursor > 0)
        {
            steps.push(Step::Read(number));
        }
        if at_hand.waiting() > 0 {
            steps.push(Step::Publish(number));
        }
        if !relay.sent.is_empty() {
            steps.push(Step::Take(number));
            if self.refusals > 0 {
                steps.push(Step::Refuse(number));
            }
        }
        if !relay.said.is_empty() {
            steps.push(Step::Hear(number));
        }
        if at_hand.holds() {
            steps.push(Step::Retry(number));
        }
        match relay.mark {
            None if at_hand.settled() > 0 => steps.push(Step::Mark(number)),
            None => {}
            Some((_, false)) => steps.push(Step::Write(number)),
            Some((_, true)) => steps.push(Step::Marked(number)),
        }
        if self.faults > 0 {
            let ends = (0..=relay.sent.len())
                .flat_map(|taken| [Step::Cut(number, taken), Step::Die(number, taken)]);
            steps.extend(ends);
            steps.extend(relay.mark.as_ref().map(|_| Step::Unanswered(number)));
        }
    }

    fn pending_behind(&self, cursor: RowId) -> impl Iterator<Item = (RowId, KeyHash)> {
        let rows = ROWS.into_iter().zip(&self.table);
        let pending = rows.filter(|(_, row)| **row == InTable::Pending);
        pending.map(|(row, _)| row).filter(move |(id, _)| *id > cursor)
    }

    fn read(&mut self, number: usize) {
        let relay = &self.relays[number];
        // As the relay does: whatever it missed is before the cursor when all it had is done.
        let from_start = !relay.at_hand.holds() && relay.at_hand.is_empty();
        let cursor = if from_start { 0 } else { relay.cursor };
        let rows: Vec<_> = self.pending_behind(cursor).collect();
        let relay = &mut self.relays[number];
        relay.cursor = cursor;
        for (id, key) in rows {
            relay.cursor = id;
            relay.at_hand.take(id, Some(key), 1);
        }
        if relay.at_hand.is_empty() && !relay.at_hand.holds() {
            relay.cursor = 0;
        }
    }

    fn write(&mut self, number: usize) {
        let Some((marks, written)) = &mut self.relays[number].mark else { return };
        *written = true;
        for id in &marks.sent {
            self.table[place(*id)] = InTable::Sent;
        }
    }

    fn publish(&mut self, number: usize) {
        let relay = &mut self.relays[number];
        let Some(id) = relay.at_hand.publish_next() else { return };
        relay.sent.push(id);
        if self.rules.marks_too_early {
            relay.at_hand.verdict(id, RowVerdict::Confirmed);
        }
    }

    fn hear(&mut self, number: usize) {
        let relay = &mut self.relays[number];
        let (id, taken) = relay.said.remove(0);
        let verdict = if taken { RowVerdict::Confirmed } else { RowVerdict::Failed };
        relay.at_hand.verdict(id, verdict);
    }

    /// The broker takes `taken` more of what was sent; what it says of them nobody hears. Those
    /// whose verdict the relay does not know, in their order.
    fn lose(&mut self, number: usize, taken: usize) -> Vec<RowId> {
        let relay = &mut self.relays[number];
        self.broker.extend(relay.sent.iter().take(taken));
        let said = std::mem::take(&mut relay.said).into_iter().map(|(id, _)| id);
        said.chain(std::mem::take(&mut relay.sent)).collect()
    }

    fn unanswered(&mut self, number: usize) {
        let unheard = self.lose(number, 0);
        let relay = &mut self.relays[number];
        if let Some((marks, _)) = relay.mark.take() {
            relay.at_hand.not_marked(marks);
        }
        // The sequence goes on, a new session reads everything again.
        relay.sent = unheard;
        relay.at_hand.retry();
        relay.cursor = 0;
    }
}

impl Model for House {
    type Step = Step;
    type Key = String;

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        self.of_table(&mut steps);
        (0..self.relays.len()).for_each(|number| self.of_relay(number, &mut steps));
        steps
    }

    fn take(&mut self, step: &Step) {
        self.faults -= usize::from(Self::is_fault(step) && !matches!(step, Step::Refuse(_)));
        match *step {
            Step::Commit(row) => self.table[row] = InTable::Pending,
            Step::RollBack(row) => self.table[row] = InTable::RolledBack,
            Step::Read(number) => self.read(number),
            Step::Publish(number) => self.publish(number),
            Step::Take(number) => {
                let id = self.relays[number].sent.remove(0);
                self.broker.push(id);
                self.relays[number].said.push((id, true));
            }
            Step::Refuse(number) => {
                self.refusals -= 1;
                let id = self.relays[number].sent.remove(0);
                self.relays[number].said.push((id, false));
            }
            Step::Hear(number) => self.hear(number),
            Step::Retry(number) => {
                self.relays[number].at_hand.retry();
                self.relays[number].cursor = 0;
            }
            Step::Mark(number) => {
                let relay = &mut self.relays[number];
                relay.mark = relay.at_hand.marks().map(|marks| (marks, false));
            }
            Step::Write(number) => self.write(number),
            Step::Marked(number) => {
                let relay = &mut self.relays[number];
                if let Some((marks, _)) = relay.mark.take() {
                    relay.at_hand.marked(&marks);
                }
            }
            Step::Unanswered(number) => self.unanswered(number),
            Step::Cut(number, taken) => {
                // What has no verdict is published again in its order.
                let unheard = self.lose(number, taken);
                self.relays[number].sent = unheard;
            }
            Step::Die(number, taken) => {
                self.lose(number, taken);
                self.relays[number] = Relay::default();
            }
        }
    }

    fn is_fault(step: &Step) -> bool {
        let is_fault = matches!(step, Step::Unanswered(_) | Step::Cut(..) | Step::Die(..));
        is_fault || matches!(step, Step::Refuse(_))
    }

    fn tell(&self, step: &Step) -> String {
        format!("{step:?}")
    }

    fn key(&self) -> String {
        let Self { table, broker, relays, faults, refusals, .. } = self;
        let relays: Vec<_> = relays.iter().map(Relay::key).collect();
        format!("{table:?} {broker:?} {relays:?} {faults} {refusals}")
    }

    fn flaw(&self) -> Option<String> {
        for (place, row) in self.table.iter().enumerate() {
            let id = ROWS[place].0;
            let is_there = self.broker.contains(&id);
            if *row == InTable::Sent && !is_there {
                return Some(format!("row {id} is marked, and the broker has it not: it is lost"));
            }
            if is_there && !matches!(row, InTable::Pending | InTable::Sent) {
                return Some(format!("row {id} was published and never committed"));
            }
        }
        let first = |id| self.broker.iter().position(|copy| *copy == id);
        let in_order = first(2).is_none_or(|second| first(1).is_some_and(|one| one < second));
        // What was under way with one that is refused may overtake it.
        let is_promised = self.rules.refusals == 0;
        (is_promised && !in_order).then(|| "row 2 has overtaken row 1".to_owned())
    }

    fn flaw_at_rest(&self) -> Option<String> {
        let allowed = 1 + (self.rules.faults - self.faults) + (self.rules.relays - 1);
        for (place, row) in self.table.iter().enumerate() {
            let id = ROWS[place].0;
            let copies = self.broker.iter().filter(|copy| **copy == id).count();
            if *row == InTable::Pending {
                return Some(format!("row {id} is pending, and nobody is about to publish it"));
            }
            if copies > allowed {
                return Some(format!("row {id} has {copies} copies, where {allowed} could be"));
            }
        }
        None
    }
}

impl Relay {
    /// Everything, in an order of its own.
    fn key(&self) -> String {
        let AtHand { rows, waiting, settled, marking, held, .. } = &self.at_hand;
        let Self { cursor, sent, said, mark, .. } = self;
        format!(
            "{rows:?} {waiting:?} {settled:?} {marking} {held:?} {cursor} {sent:?} \
             {said:?} {mark:?}"
        )
    }
}

fn place(id: RowId) -> usize {
    ROWS.iter().position(|(known, _)| *known == id).unwrap()
}

fn sound(rules: Rules) -> Explored {
    let explored = explore(House::of(rules)).unwrap_or_else(|story| panic!("{rules:?}\n{story}"));
    println!("{} states, {} steps: {rules:?}", explored.states, explored.steps);
    explored
}

fn broken(rules: Rules) -> Story {
    explore(House::of(rules)).expect_err("such a relay loses rows")
}

#[test]
fn whatever_is_interrupted_no_row_is_lost_or_overtaken() {
    sound(ONE_RELAY);
    sound(Rules { faults: 2, ..ONE_RELAY });
}

#[test]
fn what_the_broker_refuses_for_now_is_published_in_the_end() {
    sound(Rules { refusals: 1, ..ONE_RELAY });
    sound(Rules { rows: 2, faults: 1, refusals: 2, ..ONE_RELAY });
}

#[test]
fn relays_that_read_the_same_rows_keep_the_order_of_first_copies() {
    sound(Rules { rows: 2, relays: 2, faults: 1, ..ONE_RELAY });
}

#[test]
fn a_relay_that_marks_before_the_confirm_is_found_out() {
    let story = broken(Rules { marks_too_early: true, ..ONE_RELAY });
    assert!(story.flaw.contains("it is lost"), "{story}");
}
