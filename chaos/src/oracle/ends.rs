//! I3: each event has one end at each destination, and the right one.

use std::collections::HashMap;

use fanfare_broker::Cause;

use super::case::{Case, Known, Place};
use super::finding::Finding;
use super::incident::ACK_MS;
use crate::facts::DeadLetter;
use crate::load::Fate;
use crate::stage::RETRY_ATTEMPTS;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new("I3", "one end each, and the right one");
    let (mut twice, mut causes) = (0_u64, HashMap::<String, u64>::new());
    for (destination, known, key) in case.wanted() {
        let place = &case.places[destination];
        let letters = place.letters(key);
        let accepted = case.accepted(destination, key);
        if letters.is_empty() && accepted == 0 {
            continue;
        }
        finding.judged += 1;
        for letter in letters {
            *causes.entry(cause_of(letter)).or_default() += 1;
        }
        let copies = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        twice += copies.saturating_sub(1);
        let doubts = case.more_copies(&known.published) + case.met(destination, known, key);
        let wrong = wrong_end(known, place, key, accepted)
            .or_else(|| {
                let has_both = accepted > 0 && copies > 0;
                (has_both && doubts == 0 && place.calls(key).iter().all(|c| c.status.is_some()))
                    .then(|| "is delivered and dead".to_owned())
            })
            .or_else(|| {
                (copies > 1 + u64::from(doubts))
                    .then(|| format!("has {copies} dead letters, with {doubts} moments of doubt"))
            });
        if let Some(wrong) = wrong {
            let (id, name) = (&known.id, place.spec.name);
            finding.offend(format!("{id} {wrong} at {name}"), Some(known.published.name));
        }
    }
    bad_messages(case, &mut finding);
    let mut causes: Vec<_> = causes.iter().map(|(cause, n)| format!("{n} {cause}")).collect();
    causes.sort();
    finding.note = format!("dead: {}; {twice} letters doubled", causes.join(", "));
    finding
}

/// What an event may not be, by what its APIs make of it.
fn wrong_end(known: &Known, place: &Place<'_>, key: &str, accepted: u32) -> Option<String> {
    let letters = place.letters(key);
    match known.fate {
        Fate::Refused(_) if accepted > 0 => Some("was taken although it is refused".to_owned()),
        Fate::Refused(status) => letters.iter().find_map(|letter| {
            let is_right =
                letter.cause == Some(Cause::Rejected)
                && letter.status == Some(place.spec.refusal(status));
            (!is_right).then(|| {
                let (cause, found) = (cause_of(letter), letter.status);
                format!("was refused with {status} and is dead as {cause} with {found:?}")
            })
        }),
        Fate::Taken => letters.iter().find_map(|letter| {
            let calls = u32::try_from(place.calls(key).len()).unwrap_or(u32::MAX);
            // With all its attempts made, and all of them seen.
            let is_right = letter.cause == Some(Cause::Exhausted)
                && letter.attempts.max(calls) >= RETRY_ATTEMPTS
                && calls >= RETRY_ATTEMPTS;
            (!is_right).then(|| {
                let (cause, reason) = (cause_of(letter), &letter.reason);
                format!("is dead as {cause} after {calls} calls, which it had no reason to be ({reason})")
            })
        }),
    }
}

/// Bad messages die of what they are, and once.
fn bad_messages(case: &Case<'_>, finding: &mut Finding) {
    for bad in &case.facts.bad {
        for place in &case.places {
            let letters: Vec<_> =
                place.facts.dead.iter().filter(|letter| letter.id == bad.id).collect();
            let Some(last_ms) = letters.iter().map(|one| one.dead_at_ms).reduce(f64::max) else {
                continue;
            };
            finding.judged += 1;
            let (id, sort, name) = (&bad.id, bad.sort, place.spec.name);
            if let Some(other) = letters.iter().find(|one| one.cause != Some(Cause::Undecodable)) {
                let cause = cause_of(other);
                finding.offend(format!("{id} ({sort:?}) is dead as {cause} at {name}"), None);
            }
            let doubts = case
                .incidents
                .iter()
                .filter(|incident| incident.overlaps(bad.begun_ms, last_ms + ACK_MS));
            if letters.len() > 1 + doubts.count() {
                finding.offend(format!("{id} has {} letters at {name}", letters.len()), None);
            }
        }
    }
}

fn cause_of(letter: &DeadLetter) -> String {
    letter.cause.map_or("unknown".to_owned(), |cause| cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, SENDGRID};
    use super::*;
    use crate::plan::Kind;

    #[test]
    fn delivered_or_dead_for_what_the_api_said_is_right() {
        let finding = Build::default().delivered(0).refused(7).bad().check(check);
        assert!(finding.holds(), "{finding:?}");
    }

    #[test]
    fn nobody_may_die_of_what_passes() {
        let finding = Build::default().refused_with(0, Cause::Exhausted).check(check);
        assert_eq!(finding.offended, 3, "{finding:?}");
        let finding = Build::default().refused_with(0, Cause::Poison).check(check);
        assert_eq!(finding.offended, 3, "{finding:?}");
    }

    #[test]
    fn what_is_refused_dies_of_that() {
        let finding = Build::default().refused_with(7, Cause::Exhausted).check(check);
        assert_eq!(finding.offended, 3, "{finding:?}");
    }

    #[test]
    fn two_letters_need_a_reason() {
        let build = Build::default().refused(7).letter_again(SENDGRID, 7);
        assert_eq!(build.check(check).offended, 1);
        let killed = build.fault(Kind::ConsumerKilled, SENDGRID, 700.0);
        assert!(killed.check(check).holds(), "{:?}", killed.check(check));
    }

    #[test]
    fn a_bad_message_dies_undecodable() {
        let mut build = Build::default().delivered(0).bad();
        build.facts.destinations[SENDGRID].dead[0].cause = Some(Cause::Rejected);
        assert_eq!(build.check(check).offended, 1);
    }
}
