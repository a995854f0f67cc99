//! I1: what was confirmed is at every destination that wants it, or among its dead letters.

use super::case::Case;
use super::finding::Finding;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new("I1", "every confirmed event came to an end everywhere");
    let (mut delivered, mut dead) = (0_u64, 0_u64);
    for (destination, known, key) in case.wanted() {
        if !known.published.is_confirmed {
            continue;
        }
        finding.judged += 1;
        let place = &case.places[destination];
        if case.accepted(destination, key) > 0 {
            delivered += 1;
        } else if !place.letters(key).is_empty() {
            dead += 1;
        } else {
            let (name, id) = (place.spec.name, &known.id);
            // What still waits may not be lost.
            let fate = match case.facts.drained_ms {
                Some(_) => "is lost",
                None => "has come to no end",
            };
            let what = format!("{id} {fate} at {name}: it {}", place.last_seen(key));
            finding.offend(what, Some(known.published.name));
        }
    }
    bad_messages(case, &mut finding, &mut dead);
    if case.facts.parked > 0 {
        finding.offend(format!("{} messages fitted into no queue", case.facts.parked), None);
    }
    let unlogged: u64 = case.facts.destinations.iter().map(|one| one.unlogged).sum();
    if unlogged > 0 {
        finding.offend(format!("the mocks have forgotten {unlogged} requests"), None);
    }
    finding.note = format!("{delivered} delivered, {dead} dead, {} neither", finding.offended);
    finding
}

/// What is no event is a dead letter wherever its type is wanted.
fn bad_messages(case: &Case<'_>, finding: &mut Finding, dead: &mut u64) {
    for bad in &case.facts.bad {
        for place in &case.places {
            if !bad.is_confirmed || !place.spec.wants(&bad.event_type) {
                continue;
            }
            finding.judged += 1;
            if place.facts.dead.iter().any(|letter| letter.id == bad.id) {
                *dead += 1;
            } else {
                let (id, name) = (&bad.id, place.spec.name);
                finding.offend(format!("{id} ({:?}) is lost at {name}", bad.sort), None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, HUBSPOT, WEBHOOK};
    use super::*;

    #[test]
    fn what_is_delivered_or_dead_is_accounted_for() {
        let build = Build::default().delivered(0).delivered(1).refused(7);
        let finding = build.check(check);
        assert!(finding.holds(), "{finding:?}");
        assert_eq!(finding.note, "6 delivered, 3 dead, 0 neither");
    }

    #[test]
    fn what_one_destination_does_not_have_is_lost() {
        let finding = Build::default().delivered(0).forget_at(HUBSPOT, 0).check(check);
        assert_eq!(finding.offended, 1);
        assert!(finding.offences[0].what.contains("is lost at hubspot"), "{finding:?}");
        assert_eq!(finding.offences[0].event, Some(Build::name(0)));
    }

    #[test]
    fn what_was_never_confirmed_may_be_nowhere() {
        let finding = Build::default().delivered(1).unconfirmed(0).check(check);
        assert!(finding.holds(), "{finding:?}");
    }

    #[test]
    fn a_bad_message_is_a_letter_everywhere_it_is_wanted() {
        assert!(Build::default().delivered(0).bad().check(check).holds());
        let finding = Build::default().delivered(0).bad().without_letters(WEBHOOK).check(check);
        assert_eq!(finding.offended, 1, "{finding:?}");
    }

    #[test]
    fn what_fits_nowhere_is_an_offence() {
        let mut build = Build::default().delivered(0);
        build.facts.parked = 1;
        assert!(!build.check(check).holds());
    }
}
