//! I14: every fault that was planned was seen to have happened; else the run shows nothing.

use super::case::Case;
use super::finding::Finding;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let facts = case.facts;
    let mut finding = Finding::new("I14", "every planned fault really happened");
    for planned in &facts.plan.faults {
        let happened = facts.happened.iter().find(|one| one.planned == *planned);
        finding.require(happened.is_some_and(|one| one.seen > 0), || {
            let why = happened.map_or("it was not begun", |one| &one.evidence);
            format!("{} at {:.1} s did not happen: {why}", planned.kind, planned.at)
        });
    }
    let seen: u64 = facts.happened.iter().map(|one| one.seen).sum();
    finding.note = format!("{} faults, seen {seen} times", facts.happened.len());
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Build;
    use super::*;
    use crate::plan::Kind;

    #[test]
    fn a_fault_that_was_not_seen_fails_the_run() {
        let build = Build::default().fault(Kind::BrokerKilled, 0, 0.0);
        assert!(build.check(check).holds());
        let mut unseen = build.clone();
        unseen.facts.happened[0].seen = 0;
        assert_eq!(unseen.check(check).offended, 1);
        let mut missing = build;
        missing.facts.happened.clear();
        assert_eq!(missing.check(check).offended, 1);
    }
}
