//! I2: no effect is doubled, but where somebody could not know.

use fanfare_sandbox::mock::RequestRecord;

use super::case::{Case, Known, end_ms, is_answered};
use super::finding::Finding;
use super::incident::{ACK_MS, Reach};

pub(super) fn check(case: &Case<'_>) -> Finding {
    let says = "no more effects than one, and one for each moment of doubt";
    let mut finding = Finding::new("I2", says);
    let (mut doubled, mut allowed) = (0_u64, 0_u64);
    for (destination, known, key) in case.wanted() {
        let place = &case.places[destination];
        let effects = place.facts.tallies.get(key).map_or(0, |tally| tally.effects);
        if effects == 0 {
            continue;
        }
        finding.judged += 1;
        if effects == 1 {
            continue;
        }
        let doubts = doubts(case, destination, known, key);
        doubled += u64::from(effects - 1);
        allowed += u64::from(doubts);
        if effects > 1 + doubts {
            let (id, name) = (&known.id, place.spec.name);
            let what = format!(
                "{id} had {effects} effects at {name}, with {doubts} moments of doubt: it {}",
                place.last_seen(key)
            );
            finding.offend(what, Some(known.published.name));
        }
    }
    finding.note = format!("{doubled} doubled, where {allowed} could have been");
    finding
}

/// How many effects more than one an event may have had: none where the API itself sees to it.
fn doubts(case: &Case<'_>, destination: usize, known: &Known, key: &str) -> u32 {
    let place = &case.places[destination];
    if place.spec.is_idempotent {
        return 0;
    }
    let calls = place.calls(key);
    let unanswered = count(calls.iter().filter(|call| !is_answered(call)));
    if place.facts.shares_ledger {
        return unanswered
            + count(calls.iter().filter(|call| is_unwritten(case, destination, call)));
    }
    unanswered + case.met(destination, known, key) + case.more_copies(&known.published)
}

/// Whether the shared ledger may not have heard of an answer.
fn is_unwritten(case: &Case<'_>, destination: usize, call: &RequestRecord) -> bool {
    let (from_ms, until_ms) = (call.arrived_ms, end_ms(call) + ACK_MS);
    let has_died = case.incidents.iter().any(|incident| {
        incident.reach == Reach::Consumer(destination) && incident.overlaps(from_ms, until_ms)
    });
    is_answered(call) && (has_died || case.lacks_ledger(destination, from_ms, until_ms))
}

fn count<T>(all: impl Iterator<Item = T>) -> u32 {
    u32::try_from(all.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, HUBSPOT, SENDGRID};
    use super::*;
    use crate::plan::Kind;

    #[test]
    fn one_effect_each_is_right() {
        let finding = Build::default().delivered(0).delivered(1).check(check);
        assert!(finding.holds(), "{finding:?}");
        assert_eq!(finding.note, "0 doubled, where 0 could have been");
    }

    #[test]
    fn a_second_effect_without_any_doubt_is_an_offence() {
        let finding = Build::default().delivered(0).again_at(SENDGRID, 0).check(check);
        assert_eq!(finding.offended, 1, "{finding:?}");
    }

    #[test]
    fn a_kill_between_call_and_ack_explains_one_more() {
        let build = Build::default().delivered(0).again_at(SENDGRID, 0);
        let killed = build.clone().fault(Kind::ConsumerKilled, SENDGRID, 100.0);
        assert!(killed.check(check).holds(), "{:?}", killed.check(check));
        let elsewhere = build.clone().fault(Kind::ConsumerKilled, HUBSPOT, 100.0);
        assert!(!elsewhere.check(check).holds(), "it was another destination's");
        let later = build.clone().fault(Kind::ConsumerKilled, SENDGRID, 60_000.0);
        assert!(!later.check(check).holds(), "the ack was taken long before");
        let twice = killed.again_at(SENDGRID, 0);
        assert!(!twice.check(check).holds(), "one kill does not explain two");
    }

    #[test]
    fn a_shared_ledger_needs_better_reasons_than_a_lost_connection() {
        let build = Build::default().delivered(0).again_at(SENDGRID, 0);
        let cut = build.fault(Kind::NetworkReset, SENDGRID + 1, 100.0);
        assert!(cut.check(check).holds(), "a ledger in memory does not know what others did");
        let shared = cut.shared(SENDGRID);
        assert!(!shared.check(check).holds());
        assert!(shared.clone().fault(Kind::RedisKilled, 0, 100.0).check(check).holds());
        let mut said = shared.clone();
        said.facts.without_ledger.push(Build::without_ledger(SENDGRID, 40.0));
        assert!(said.check(check).holds(), "a consumer said that it was without it");
        assert!(shared.fault(Kind::ConsumerKilled, SENDGRID, 100.0).check(check).holds());
    }

    #[test]
    fn an_api_that_upserts_is_never_changed_twice() {
        let build = Build::default().delivered(0).again_at(HUBSPOT, 0);
        let killed = build.fault(Kind::ConsumerKilled, HUBSPOT, 100.0);
        assert!(!killed.check(check).holds());
    }

    #[test]
    fn an_answer_that_never_came_explains_one_more() {
        let build = Build::default().delivered(0).again_at(SENDGRID, 0);
        assert!(build.unanswered(SENDGRID, 0).check(check).holds());
    }

    #[test]
    fn a_publish_whose_confirm_was_lost_explains_one_more() {
        let build = Build::default().delivered(0).again_at(SENDGRID, 0);
        assert!(build.fault(Kind::ConfirmsLost, 0, -50.0).check(check).holds());
    }
}
