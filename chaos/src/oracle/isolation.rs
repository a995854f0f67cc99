//! I8: while one destination's API is down and all else is well, the others get their events.

use super::case::Case;
use super::finding::Finding;
use crate::plan::Kind;
use crate::watch::Sample;

/// Of what is published so much must arrive at the others meanwhile. How fast is for the
/// benchmark to say: a busy machine delays anything.
const SHARE: f64 = 0.5;

/// Spans that are shorter say nothing.
const SHORTEST_MS: f64 = 2_500.0;

/// After any other fault everybody has so long to catch up.
const CATCH_UP_MS: f64 = 3_000.0;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new("I8", "one destination that is down costs the others nothing");
    let mut worst = f64::INFINITY;
    for happened in case.facts.happened.iter().filter(|one| one.planned.kind == Kind::ApiDown) {
        let (from_ms, until_ms) = (happened.began_ms, happened.ended_ms);
        let is_alone = case.facts.happened.iter().all(|other| {
            other == happened
                || other.ended_ms + CATCH_UP_MS < from_ms
                || until_ms < other.began_ms
                || matches!(other.planned.kind, Kind::BadData)
        });
        let samples: Vec<&Sample> = case
            .facts
            .recording
            .samples
            .iter()
            .filter(|sample| (from_ms..=until_ms).contains(&sample.at_ms))
            .collect();
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { continue };
        if !is_alone || last.at_ms - first.at_ms < SHORTEST_MS || last.confirmed == first.confirmed
        {
            continue;
        }
        let confirmed = (last.confirmed - first.confirmed) as f64;
        for (destination, place) in case.places.iter().enumerate() {
            if destination == happened.planned.target {
                continue;
            }
            let accepted = (last.accepted[destination] - first.accepted[destination]) as f64;
            let expected = confirmed * wanted_share(case, destination);
            let share = accepted / expected.max(1.0);
            worst = worst.min(share);
            finding.require(share >= SHARE, || {
                let (name, down) =
                    (place.spec.name, case.places[happened.planned.target].spec.name);
                format!("{name} got {accepted:.0} of {expected:.0} events while {down} was down")
            });
        }
    }
    if worst.is_finite() {
        finding.note = format!("they got {:.0} % of what was published meanwhile", worst * 1e2);
    }
    finding
}

/// How many of the events a destination takes.
fn wanted_share(case: &Case<'_>, destination: usize) -> f64 {
    let wanted = case.events.iter().filter(|known| known.keys[destination].is_some()).count();
    wanted as f64 / case.events.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, HUBSPOT, SENDGRID};
    use super::*;

    fn down(accepted: u64) -> Build {
        Build::default()
            .delivered(0)
            .fault_for(Kind::ApiDown, SENDGRID, 20_000.0, 6_000.0)
            .sample(20_500.0, 1_000, [1_000, 1_000, 1_000])
            .sample(25_500.0, 2_000, [1_000 + accepted, 1_000, 2_000])
    }

    #[test]
    fn others_that_go_on_are_well_and_others_that_stand_still_are_not() {
        assert!(down(1_000).check(check).holds(), "{:?}", down(1_000).check(check));
        assert_eq!(down(100).check(check).offended, 1);
    }

    #[test]
    fn nothing_is_said_while_something_else_is_wrong() {
        let both = down(100).fault(Kind::BrokerKilled, HUBSPOT, 19_000.0);
        assert_eq!(both.check(check).judged, 0);
    }
}
