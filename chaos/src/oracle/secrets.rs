//! I11: a secret, or somebody's name, is seen nowhere that others look.

use super::case::Case;
use super::finding::Finding;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let facts = case.facts;
    let mut finding = Finding::new("I11", "no secret and no payload in logs, metrics or listings");
    finding.judged = facts.searched;
    for leak in &facts.leaks {
        finding.offend(format!("{} stands in {}", leak.what, leak.place), None);
    }
    finding.note = format!("{} KiB searched", facts.searched / 1024);
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Build;
    use super::*;
    use crate::facts::Leak;

    #[test]
    fn a_secret_in_a_log_is_an_offence_and_so_is_having_searched_nothing() {
        assert!(Build::default().check(check).holds());
        let mut build = Build::default();
        build.facts.leaks.push(Leak { what: "a token", place: "a log".to_owned() });
        assert_eq!(build.check(check).offended, 1);
        let mut build = Build::default();
        build.facts.searched = 0;
        assert!(!build.check(check).holds());
    }
}
