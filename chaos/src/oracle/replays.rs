//! I10: a replay keeps ids and keys, and the same one twice has no second effect.

use super::case::Case;
use super::finding::Finding;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let replay = &case.facts.replay;
    let mut finding = Finding::new("I10", "replayed letters arrive under the same key, once");
    if let Some(complaint) = &replay.complaint {
        finding.offend(format!("the tool said: {complaint}"), None);
    }
    for letter in &replay.letters {
        let place = &case.places[letter.destination];
        let (id, name) = (&letter.id, place.spec.name);
        finding.require(letter.accepted > 0, || {
            format!("{id} was replayed to {name} and is not there")
        });
        // The second time, another process may not know what the first one did.
        let knows = place.spec.is_idempotent || place.facts.shares_ledger;
        let most = if knows { 1 } else { 2 };
        if letter.effects > most {
            finding.offend(format!("{id} had {} effects at {name}", letter.effects), None);
        }
        if letter.is_dead {
            finding.offend(format!("{id} is dead again at {name}"), None);
        }
    }
    finding.note = format!("{} letters replayed", replay.letters.len());
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, HUBSPOT, SENDGRID};
    use super::*;

    #[test]
    fn a_letter_that_arrives_once_is_right() {
        assert!(Build::default().replayed(SENDGRID, 1, 1).check(check).holds());
    }

    #[test]
    fn a_letter_that_does_not_arrive_and_one_that_does_twice_are_offences() {
        assert_eq!(Build::default().replayed(SENDGRID, 0, 0).check(check).offended, 1);
        assert_eq!(Build::default().replayed(HUBSPOT, 2, 2).check(check).offended, 1);
        let twice = Build::default().replayed(SENDGRID, 2, 2);
        assert!(twice.check(check).holds(), "its consumers do not share a ledger");
        assert_eq!(twice.shared(SENDGRID).check(check).offended, 1);
    }
}
