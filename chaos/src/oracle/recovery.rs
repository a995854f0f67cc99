//! I9: after the last fault the backlog drains, and a fresh event passes.

use super::case::Case;
use super::finding::Finding;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let facts = case.facts;
    let mut finding = Finding::new("I9", "healed, everything drains and a fresh event passes");
    finding.require(facts.drained_ms.is_some(), || "the backlog did not drain in time".to_owned());
    finding.require(facts.fresh.is_confirmed, || "the fresh event was not confirmed".to_owned());
    for (place, took_ms) in case.places.iter().zip(facts.fresh.took_ms) {
        finding.require(took_ms.is_some(), || {
            format!("the fresh event did not come to {}", place.spec.name)
        });
    }
    let slowest_ms = facts.fresh.took_ms.into_iter().flatten().fold(0.0, f64::max);
    if let Some(drained_ms) = facts.drained_ms {
        let seconds = (drained_ms - facts.healed_ms) / 1e3;
        finding.note =
            format!("drained {seconds:.0} s after, a fresh event took {slowest_ms:.0} ms");
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Build;
    use super::*;

    #[test]
    fn a_backlog_that_stays_and_an_event_that_does_not_pass_are_offences() {
        assert!(Build::default().check(check).holds());
        let mut build = Build::default();
        build.facts.drained_ms = None;
        assert_eq!(build.check(check).offended, 1);
        build.facts.fresh.took_ms[1] = None;
        assert_eq!(build.check(check).offended, 2);
    }
}
