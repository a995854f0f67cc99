//! What failed, and when it may be tried again. Pure: time is an argument.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use tokio::time::Instant;

use crate::outbox::at_hand::{KeyHash, RowId, Strand};

/// Strands of which the broker did not take a row, in this process. The table is read past them,
/// each until its own time has come. To forget one does no harm: it is read from its first
/// pending row on, as ever.
#[derive(Debug, Default)]
pub(super) struct Held {
    strands: HashMap<Strand, Failures>,
}

/// What is to be read past now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PassOver {
    pub(super) keys: Vec<KeyHash>,
    pub(super) rows: Vec<RowId>,
}

#[derive(Debug)]
struct Failures {
    in_a_row: u32,
    until: Instant,
}

const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(200), Duration::from_secs(5));

/// Of a strand that nobody met for so long, another relay has published what there was.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// A few megabytes.
const FULL: usize = 100_000;

impl Held {
    /// What is to be read past: what has to wait, or everything that failed.
    pub(super) fn pass_over(&mut self, now: Instant, everything: bool) -> PassOver {
        self.strands.retain(|_, failures| now < failures.until + FORGOTTEN_AFTER);
        let mut passed = PassOver::default();
        for (strand, failures) in &self.strands {
            if everything || failures.until > now {
                match strand {
                    Strand::Key(key) => passed.keys.push(*key),
                    Strand::Row(id) => passed.rows.push(*id),
                }
            }
        }
        passed
    }

    /// Whether this one failed when it was met last.
    pub(super) fn failed_before(&self, strand: Strand) -> bool {
        self.strands.contains_key(&strand)
    }

    /// What became of strands that were tried.
    pub(super) fn tried(
        &mut self,
        tried: &BTreeSet<Strand>,
        failed: &BTreeSet<Strand>,
        now: Instant,
    ) {
        for strand in tried.difference(failed) {
            self.strands.remove(strand);
        }
        for strand in failed {
            if self.strands.len() < FULL || self.failed_before(*strand) {
                let failures =
                    self.strands.entry(*strand).or_insert(Failures { in_a_row: 0, until: now });
                failures.in_a_row = failures.in_a_row.saturating_add(1);
                failures.until = now + PAUSES.ceiling(failures.in_a_row);
            }
        }
    }

    /// Whether no more is remembered, so that what fails may be tried again without a pause.
    pub(super) fn is_full(&self) -> bool {
        self.strands.len() >= FULL
    }

    /// Whether something may be tried again now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.strands.values().any(|failures| failures.until <= now)
    }

    /// When the next one may be.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.strands.values().map(|failures| failures.until).filter(|until| *until > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Strand = Strand::Key(7);
    const ALONE: Strand = Strand::Row(9);

    fn set(strands: &[Strand]) -> BTreeSet<Strand> {
        strands.iter().copied().collect()
    }

    #[test]
    fn what_fails_is_passed_over_for_longer_and_longer_until_it_goes_well() {
        let now = Instant::now();
        let mut held = Held::default();
        held.tried(&set(&[ADA, ALONE]), &set(&[ADA, ALONE]), now);
        held.tried(&set(&[ALONE]), &set(&[ALONE]), now);
        assert_eq!(held.pass_over(now, false), PassOver { keys: vec![7], rows: vec![9] });
        assert!(!held.is_due(now));

        let first = held.next(now).unwrap();
        assert_eq!(first, now + Duration::from_millis(200));
        assert!(held.is_due(first));
        assert_eq!(held.pass_over(first, false), PassOver { keys: vec![], rows: vec![9] });
        assert_eq!(held.pass_over(first, true), PassOver { keys: vec![7], rows: vec![9] });
        assert_eq!(held.next(first), Some(now + Duration::from_millis(400)));

        held.tried(&set(&[ALONE]), &set(&[]), first);
        assert!(!held.failed_before(ALONE) && held.failed_before(ADA));
        assert_eq!(held.next(first), None);
    }

    #[test]
    fn what_nobody_meets_any_more_is_forgotten() {
        let now = Instant::now();
        let mut held = Held::default();
        held.tried(&set(&[ADA]), &set(&[ADA]), now);
        held.pass_over(now + Duration::from_secs(59), true);
        assert!(held.failed_before(ADA));
        held.pass_over(now + Duration::from_secs(61), true);
        assert!(!held.failed_before(ADA));
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let now = Instant::now();
        let mut held = Held::default();
        let many: BTreeSet<_> = (0..FULL as RowId + 5).map(Strand::Row).collect();
        held.tried(&many, &many, now);
        assert!(held.is_full());
        assert_eq!(held.pass_over(now, false).rows.len(), FULL);
    }
}
