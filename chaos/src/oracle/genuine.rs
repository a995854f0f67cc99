//! I4: nothing was delivered that was not published, and all of it as it was published.

use std::collections::{HashMap, HashSet};

use super::case::{Case, expected_content};
use super::finding::Finding;
use crate::load::DESTINATIONS;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let says = "nothing arrived that was not published, and nothing was altered";
    let mut finding = Finding::new("I4", says);
    routed(case, &mut finding);
    for destination in 0..case.places.len() {
        keys(case, destination, &mut finding);
        contents(case, destination, &mut finding);
        letters(case, destination, &mut finding);
        ruled_out(case, destination, &mut finding);
    }
    let unwanted = case.events.iter().filter(|known| !is_wanted(&known.event_type)).count();
    finding.note = format!("{unwanted} events of a type that nobody wants");
    finding
}

/// A receipt says whether anybody subscribes to an event's type, and so does the topology.
fn routed(case: &Case<'_>, finding: &mut Finding) {
    for known in &case.events {
        let Some(routed) = known.published.routed else { continue };
        finding.judged += 1;
        let is_wanted = is_wanted(&known.event_type);
        if routed != is_wanted {
            let (id, event_type) = (&known.id, &known.event_type);
            let somebody = if is_wanted { "somebody" } else { "nobody" };
            let what =
                format!("the receipt of {id} says routed: {routed}; {somebody} wants {event_type}");
            finding.offend(what, Some(known.published.name));
        }
    }
}

fn is_wanted(event_type: &str) -> bool {
    DESTINATIONS.iter().any(|spec| spec.wants(event_type))
}

/// Every key that an API was told belongs to an event that it was to hear of.
fn keys(case: &Case<'_>, destination: usize, finding: &mut Finding) {
    let known: HashSet<&str> =
        case.events.iter().filter_map(|known| known.keys[destination].as_deref()).collect();
    let place = &case.places[destination];
    for key in place.facts.tallies.keys() {
        finding.judged += 1;
        if !known.contains(key.as_str()) {
            finding.offend(format!("{} was told the unknown key {key}", place.spec.name), None);
        }
    }
}

/// What was rolled back never was.
fn ruled_out(case: &Case<'_>, destination: usize, finding: &mut Finding) {
    let place = &case.places[destination];
    for known in case.events.iter().filter(|known| known.published.is_ruled_out) {
        let Some(key) = &known.keys[destination] else { continue };
        finding.require(place.calls(key).is_empty() && place.letters(key).is_empty(), || {
            let (id, api) = (&known.id, place.spec.name);
            format!("{id} came to {api}, and its transaction was rolled back")
        });
    }
}

/// What an API holds of an event is what the event says.
fn contents(case: &Case<'_>, destination: usize, finding: &mut Finding) {
    let place = &case.places[destination];
    let mut expected = HashMap::new();
    for known in &case.events {
        if let Some(key) = &known.keys[destination] {
            let (by, what) = expected_content(destination, known, key);
            expected.insert(by, (what, known.published.name));
        }
    }
    for (by, held) in &place.facts.contents {
        finding.judged += 1;
        let api = place.spec.name;
        match expected.get(by) {
            None => finding.offend(format!("{api} holds {by}, which nobody published"), None),
            Some((right, name)) if right != held => {
                let what = format!("{api} holds {held} of {by}, published was {right}");
                finding.offend(what, Some(*name));
            }
            Some(_) => {}
        }
    }
}

/// Every dead letter is of something that was published and wanted there.
fn letters(case: &Case<'_>, destination: usize, finding: &mut Finding) {
    let place = &case.places[destination];
    let wanted = case.events.iter().filter(|known| known.keys[destination].is_some());
    let known: HashSet<&str> = wanted
        .map(|known| known.id.as_str())
        .chain(case.facts.bad.iter().map(|bad| bad.id.as_str()))
        .collect();
    for letter in &place.facts.dead {
        finding.judged += 1;
        if !known.contains(letter.id.as_str()) {
            let (id, name) = (&letter.id, place.spec.name);
            finding.offend(format!("{id} is dead at {name} and was never published for it"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, HUBSPOT, SENDGRID, WEBHOOK};
    use super::*;

    #[test]
    fn what_was_published_is_genuine() {
        let finding = Build::default().delivered(0).refused(7).bad().unwanted(19).check(check);
        assert!(finding.holds(), "{finding:?}");
        assert_eq!(finding.note, "1 events of a type that nobody wants");
    }

    #[test]
    fn a_key_that_nobody_published_is_an_offence() {
        let mut build = Build::default().delivered(0);
        build.facts.destinations[SENDGRID].tallies.insert("other".into(), Build::once());
        assert_eq!(build.check(check).offended, 1);
    }

    #[test]
    fn altered_content_is_an_offence() {
        for destination in [HUBSPOT, SENDGRID, WEBHOOK] {
            let mut build = Build::default().delivered(0);
            let contents = &mut build.facts.destinations[destination].contents;
            contents.values_mut().for_each(|held| held.push('x'));
            assert_eq!(build.check(check).offended, 1, "{destination}");
        }
    }

    #[test]
    fn a_receipt_must_say_whether_anybody_subscribes() {
        let mut build = Build::default().delivered(0).unwanted(19);
        assert!(build.check(check).holds());
        for published in &mut build.facts.published {
            published.routed = Some(true);
        }
        assert_eq!(build.check(check).offended, 1, "nobody wants number 19");
        for published in &mut build.facts.published {
            published.routed = Some(false);
        }
        assert_eq!(build.check(check).offended, 1, "everybody wants number 0");
    }

    #[test]
    fn what_was_rolled_back_may_be_nowhere() {
        let mut build = Build::default().delivered(1).unconfirmed(0);
        build.facts.published.last_mut().unwrap().is_ruled_out = true;
        assert!(build.check(check).holds());
        let mut arrived = Build::default().delivered(0);
        arrived.facts.published[0].is_ruled_out = true;
        assert_eq!(arrived.check(check).offended, 3);
        let mut dead = Build::default().refused(7);
        dead.facts.published[0].is_ruled_out = true;
        assert_eq!(dead.check(check).offended, 3);
    }

    #[test]
    fn a_letter_of_nothing_is_an_offence() {
        let mut build = Build::default().refused(7);
        build.facts.destinations[WEBHOOK].dead[0].id = "another".to_owned();
        assert_eq!(build.check(check).offended, 1);
    }
}
