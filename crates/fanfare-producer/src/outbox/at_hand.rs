//! What a relay may do next with the rows it has at hand. Pure: no clock, no database, no broker.
//!
//! A row that is pending in the table is taken, published, and marked once its verdict is
//! known. What this promises, whatever is lost on the way:
//!
//! - a row is marked as sent only after the broker has confirmed it;
//! - rows with one key are published in the order of their ids. After one that failed, no later
//!   one is published before it, except those that were under way then;
//! - only the table remembers. A relay that dies or lets go leaves pending what it had not
//!   marked, so it is published again, with the same id.
//!
//! First copies of the rows with one key are in order even when several relays publish them,
//! each from its own first pending row on: all that they published together is at any time
//! a beginning of that key's rows.

use std::collections::{BTreeMap, BTreeSet};

/// A row's place in the table: of two rows with one key, the smaller one was committed first.
pub type RowId = i64;

/// What the order of rows is kept by: a hash of the ordering key. Two keys with one hash wait
/// for each other at times, nothing worse.
pub type KeyHash = u64;

/// Rows that are published in their order: those with one key, or one without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strand {
    /// All rows with this key.
    Key(KeyHash),
    /// This row, which has no key.
    Row(RowId),
}

/// The rows at hand.
#[derive(Clone, Debug, Default)]
pub struct AtHand {
    rows: BTreeMap<RowId, Row>,
    waiting: BTreeSet<RowId>,
    settled: Marks,
    marking: bool,
    held: BTreeSet<Strand>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Row {
    key: Option<KeyHash>,
    bytes: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Published,
    Settled,
    Marking,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowVerdict {
    /// The broker has it.
    Confirmed,
    /// It can never be published, and why.
    Refused(String),
    /// Not this time: it is to be published again.
    Failed,
}

/// Rows whose end is to be written into the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Confirmed by the broker.
    pub sent: Vec<RowId>,
    /// Never to be published, and why.
    pub refused: Vec<(RowId, String)>,
}

impl AtHand {
    /// Nothing at hand.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a row that the table shows as pending. `false` when it is at hand already, or is
    /// to wait until [`Self::retry`]; then its body is not needed.
    pub fn take(&mut self, id: RowId, key: Option<KeyHash>, bytes: usize) -> bool {
        if self.held.contains(&Strand::of(id, key)) || self.rows.contains_key(&id) {
            return false;
        }
        self.rows.insert(id, Row { key, bytes, stage: Stage::Waiting });
        self.waiting.insert(id);
        self.bytes += bytes;
        true
    }

    /// The row to publish next; from now on it is under way.
    pub fn publish_next(&mut self) -> Option<RowId> {
        let id = self.waiting.pop_first()?;
        self.set(id, Stage::Published);
        Some(id)
    }

    /// What became of a row that is at hand. Of others nothing is to be told any more.
    pub fn verdict(&mut self, id: RowId, verdict: RowVerdict) {
        let Some(row) = self.rows.get(&id) else { return };
        if !matches!(row.stage, Stage::Waiting | Stage::Published) {
            return;
        }
        self.waiting.remove(&id);
        match verdict {
            RowVerdict::Confirmed => {
                self.settled.sent.push(id);
                self.set(id, Stage::Settled);
            }
            RowVerdict::Refused(why) => {
                self.settled.refused.push((id, why));
                self.set(id, Stage::Settled);
            }
            RowVerdict::Failed => self.hold(id),
        }
    }

    /// What is to be marked now, if anything is and no other mark is under way. To be answered
    /// by [`Self::marked`] or [`Self::not_marked`].
    pub fn marks(&mut self) -> Option<Marks> {
        if self.marking || self.settled.is_empty() {
            return None;
        }
        self.marking = true;
        let marks = std::mem::take(&mut self.settled);
        for id in marks.ids() {
            self.set(id, Stage::Marking);
        }
        Some(marks)
    }

    /// How many rows wait to be marked.
    pub fn settled(&self) -> usize {
        self.settled.len()
    }

    /// The table shows these rows as marked, and so does whatever is read from it from now on:
    /// not to be called while a read is under way that began before.
    pub fn marked(&mut self, marks: &Marks) {
        self.marking = false;
        for id in marks.ids() {
            self.forget(id);
        }
    }

    /// The table could not be written, or may not have been: marked once more.
    pub fn not_marked(&mut self, marks: Marks) {
        self.marking = false;
        for id in marks.ids() {
            self.set(id, Stage::Settled);
        }
        self.settled.sent.extend(marks.sent);
        self.settled.refused.extend(marks.refused);
    }

    /// What failed, and what waits behind it, may be taken again: the table has it still, and
    /// is to be read from its first pending row on. Says what that was.
    pub fn retry(&mut self) -> BTreeSet<Strand> {
        std::mem::take(&mut self.held)
    }

    /// Whether something failed that [`Self::retry`] would let be taken again.
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Lets go of every row without a verdict: the table has them still. Whoever publishes must
    /// have abandoned them before.
    pub fn let_go(&mut self) {
        let unsettled: Vec<_> = self
            .rows
            .iter()
            .filter(|(_, row)| matches!(row.stage, Stage::Waiting | Stage::Published))
            .map(|(id, _)| *id)
            .collect();
        for id in unsettled {
            self.forget(id);
        }
    }

    /// Whether a row is at hand.
    pub fn has(&self, id: RowId) -> bool {
        self.rows.contains_key(&id)
    }

    /// The bytes of a row that is at hand and has no verdict yet.
    pub fn bytes_without_verdict(&self, id: RowId) -> Option<usize> {
        let row = self.rows.get(&id)?;
        matches!(row.stage, Stage::Waiting | Stage::Published).then_some(row.bytes)
    }

    /// How many rows are at hand.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no row is at hand.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many bytes the rows at hand have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows wait to be published.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A row that failed is forgotten, and nothing of its key is published before it is read
    /// again.
    fn hold(&mut self, id: RowId) {
        let key = self.rows.get(&id).and_then(|row| row.key);
        self.held.insert(Strand::of(id, key));
        self.forget(id);
        let behind = self
            .waiting
            .iter()
            .filter(|id| key.is_some() && self.rows.get(id).is_some_and(|row| row.key == key));
        for id in behind.copied().collect::<Vec<_>>() {
            self.forget(id);
        }
    }

    fn set(&mut self, id: RowId, stage: Stage) {
        if let Some(row) = self.rows.get_mut(&id) {
            row.stage = stage;
        }
    }

    fn forget(&mut self, id: RowId) {
        self.waiting.remove(&id);
        if let Some(row) = self.rows.remove(&id) {
            self.bytes -= row.bytes;
        }
    }
}

impl Strand {
    /// What a row belongs to.
    pub fn of(id: RowId, key: Option<KeyHash>) -> Self {
        key.map_or(Self::Row(id), Self::Key)
    }
}

impl Marks {
    /// Whether nothing is to be marked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many rows are to be marked.
    pub fn len(&self) -> usize {
        self.sent.len() + self.refused.len()
    }

    fn ids(&self) -> impl Iterator<Item = RowId> {
        self.sent.iter().copied().chain(self.refused.iter().map(|(id, _)| *id))
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
