//! Counting dead letters by cause and type, to be looked at before a change.

use std::collections::BTreeMap;

use fanfare_broker::Cause;

use super::dead_letter::DeadLetter;
use crate::output::{Rows, Tone};

/// Counts by cause and type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    groups: BTreeMap<(Option<Cause>, Option<String>), u64>,
    /// Letters beyond the most groups that are kept.
    others: u64,
}

/// Types are chosen by whoever publishes, so there may be any number of them.
const MOST_GROUPS: usize = 200;

impl Tally {
    /// Counts one letter.
    pub fn add(&mut self, letter: &DeadLetter) {
        let group = (letter.cause, letter.event_type.clone());
        if let Some(count) = self.groups.get_mut(&group) {
            *count += 1;
        } else if self.groups.len() < MOST_GROUPS {
            self.groups.insert(group, 1);
        } else {
            self.others += 1;
        }
    }

    /// How many letters were counted.
    pub fn total(&self) -> u64 {
        self.groups.values().sum::<u64>() + self.others
    }

    /// The counts, most first.
    pub fn rows(&self) -> Rows {
        let mut rows = Rows::new(&["CAUSE", "TYPE", "LETTERS"]);
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for ((cause, event_type), count) in groups {
            let cause = cause.map_or("-", Cause::as_str);
            let event_type = event_type.as_deref().unwrap_or("-");
            rows.push([cause, event_type, &count.to_string()].map(|text| (text, Tone::Plain)));
        }
        if self.others > 0 {
            let others = self.others.to_string();
            rows.push(["others", "others", &others].map(|text| (text, Tone::Plain)));
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::super::dead_letter::tests::sample;
    use super::*;

    #[test]
    fn letters_are_counted_by_cause_and_type() {
        let mut tally = Tally::default();
        for cause in [Cause::Rejected, Cause::Poison, Cause::Rejected] {
            tally.add(&DeadLetter { cause: Some(cause), ..sample() });
        }
        assert_eq!(tally.total(), 3);
        assert_eq!(tally.groups.len(), 2);
        let rejected = (Some(Cause::Rejected), Some("user.registered".to_owned()));
        assert_eq!(tally.groups[&rejected], 2);
    }

    #[test]
    fn any_number_of_types_takes_bounded_room() {
        let mut tally = Tally::default();
        for n in 0..1000 {
            tally.add(&DeadLetter { event_type: Some(format!("t{n}")), ..sample() });
        }
        assert_eq!((tally.groups.len(), tally.total()), (MOST_GROUPS, 1000));
    }
}
