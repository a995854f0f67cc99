//! What the oracle says about one invariant.

use serde::Serialize;

use crate::load::Name;

/// What was found about one invariant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `I1` to `I14`.
    pub invariant: &'static str,
    /// What it says.
    pub says: &'static str,
    /// How many cases were looked at.
    pub judged: u64,
    /// Cases in which it did not hold, the first ones in full.
    pub offences: Vec<Offence>,
    /// How many there are.
    pub offended: u64,
    /// Counts that a person wants to see.
    pub note: String,
    /// Where nothing was judged, it is not known whether it holds.
    pub must_be_judged: bool,
}

/// One case in which an invariant did not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offence {
    /// What happened, in a sentence.
    pub what: String,
    /// To which event.
    pub event: Option<Name>,
}

/// Offences that are told in full.
const TOLD: usize = 10;

impl Finding {
    pub(super) fn new(invariant: &'static str, says: &'static str) -> Self {
        Self {
            invariant,
            says,
            judged: 0,
            offences: Vec::new(),
            offended: 0,
            note: String::new(),
            must_be_judged: true,
        }
    }

    /// In some runs there is nothing to look at.
    pub(super) fn may_be_idle(mut self) -> Self {
        self.must_be_judged = false;
        self
    }

    pub(super) fn offend(&mut self, what: impl Into<String>, event: Option<Name>) {
        self.offended += 1;
        if self.offences.len() < TOLD {
            self.offences.push(Offence { what: what.into(), event });
        }
    }

    /// Counts a case, which is an offence unless `holds`.
    pub(super) fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.judged += 1;
        if !holds {
            self.offend(what(), None);
        }
    }

    /// Whether it held, and was looked at if it had to be.
    pub fn holds(&self) -> bool {
        self.offended == 0 && (self.judged > 0 || !self.must_be_judged)
    }
}
