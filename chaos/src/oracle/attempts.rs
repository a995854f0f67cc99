//! I5: no more attempts than the schedule has, and never one too early.

use std::collections::HashSet;

use fanfare_sandbox::mock::RequestRecord;

use super::case::Case;
use super::finding::Finding;
use crate::stage::RETRY_ATTEMPTS;

/// The delay line waits a second at least; a message that expires is a little late, never early.
const FLOOR_MS: f64 = 990.0;

/// Calls of the first moment were under way when the API asked to wait, or their callers had not
/// been told by the one that was.
const FIRST_MOMENT_MS: f64 = 1_500.0;

/// Answers after which an event is attempted again, sooner or later.
const PASSING: [u16; 12] = [401, 403, 407, 408, 409, 410, 421, 423, 425, 429, 500, 502];
const PASSING_TOO: [u16; 2] = [503, 504];

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding =
        Finding::new("I5", "no attempt too many, none after a final answer, none too early");
    let mut counts = Counts::default();
    for (destination, known, key) in case.wanted() {
        let calls = case.places[destination].calls(key);
        // Of one call nothing can be said, and of copies each has a schedule of its own.
        if calls.len() < 2 || !case.is_undisturbed(destination, known, key) {
            counts.disturbed += u64::from(calls.len() >= 2);
            continue;
        }
        let name = case.places[destination].spec.name;
        let mut offend = |what: String| {
            finding.offend(format!("{} at {name}: {what}", known.id), Some(known.published.name));
        };
        for pair in calls.windows(2) {
            judge_pair(pair[0], pair[1], &mut counts, &mut offend);
        }
        let failed = calls.iter().filter(|call| call.status.is_some_and(is_charged)).count();
        if failed > RETRY_ATTEMPTS as usize {
            offend(format!("{failed} attempts failed, and {RETRY_ATTEMPTS} are allowed"));
        }
    }
    for destination in 0..case.places.len() {
        waits(case, destination, &mut counts, &mut finding);
    }
    finding.judged = counts.final_answers + counts.spaced + counts.waits;
    let Counts { spaced, waits, disturbed, .. } = counts;
    finding.note =
        format!("{spaced} pauses and {waits} calls for quiet judged, {disturbed} events disturbed");
    finding
}

#[derive(Debug, Default)]
struct Counts {
    final_answers: u64,
    spaced: u64,
    waits: u64,
    disturbed: u64,
}

/// Two calls for one event, one after the other.
fn judge_pair(
    first: &RequestRecord,
    second: &RequestRecord,
    counts: &mut Counts,
    offend: &mut impl FnMut(String),
) {
    let (Some(status), Some(ended_ms)) = (first.status, first.ended_ms) else { return };
    let gap_ms = second.arrived_ms - ended_ms;
    if is_final(status) {
        // What was refused in company goes again by itself.
        if first.keys.len() == 1 {
            counts.final_answers += 1;
            offend(format!("was called for again {gap_ms:.0} ms after {status}"));
        }
        return;
    }
    if !is_passing(status) {
        return;
    }
    counts.spaced += 1;
    let asked_ms = first.asked_to_wait_ms.unwrap_or(0.0);
    let floor_ms = if is_charged(status) { asked_ms.max(FLOOR_MS) } else { asked_ms };
    if gap_ms < floor_ms {
        offend(format!("was called for again {gap_ms:.0} ms after {status}, not {floor_ms:.0}"));
    }
}

/// When an API asks to wait, nobody calls it until then; whoever calls later than the first moment
/// has been told.
fn waits(case: &Case<'_>, destination: usize, counts: &mut Counts, finding: &mut Finding) {
    let place = &case.places[destination];
    let calls = &place.facts.calls;
    let mut told = HashSet::new();
    for (index, asking) in calls.iter().enumerate() {
        let (Some(wait_ms), Some(from_ms)) = (asking.asked_to_wait_ms, asking.ended_ms) else {
            continue;
        };
        let until_ms = from_ms + wait_ms;
        // While the broker is away, each replica knows only what it was told itself.
        let is_cut_off = case.incidents.iter().any(|incident| {
            incident.unsettles(destination)
                && incident.overlaps(from_ms - FIRST_MOMENT_MS, until_ms)
        });
        if is_cut_off || wait_ms <= FIRST_MOMENT_MS {
            continue;
        }
        counts.waits += 1;
        let early = calls[index + 1..].iter().take_while(|call| call.arrived_ms < until_ms);
        for call in early.filter(|call| call.arrived_ms > from_ms + FIRST_MOMENT_MS) {
            // Once each, however many had asked.
            if told.insert(call.seq) {
                let (name, early_ms) = (place.spec.name, until_ms - call.arrived_ms);
                let status = asking.status.unwrap_or_default();
                finding.offend(
                    format!(
                        "{name} was called {early_ms:.0} ms before the end of a wait ({status})"
                    ),
                    None,
                );
            }
        }
    }
}

fn is_passing(status: u16) -> bool {
    PASSING.contains(&status) || PASSING_TOO.contains(&status) || (520..=524).contains(&status)
}

/// Whether it spends an attempt.
fn is_charged(status: u16) -> bool {
    is_passing(status) && !matches!(status, 401 | 403 | 407 | 410 | 429)
}

fn is_final(status: u16) -> bool {
    (300..600).contains(&status) && !is_passing(status)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, SENDGRID};
    use super::*;
    use crate::plan::Kind;

    #[test]
    fn a_retry_after_a_second_is_right_and_one_at_once_is_not() {
        let right = Build::default().delivered(0).failed_before(SENDGRID, 0, 503, None, 1_020.0);
        assert!(right.check(check).holds(), "{:?}", right.check(check));
        let early = Build::default().delivered(0).failed_before(SENDGRID, 0, 503, None, 30.0);
        assert_eq!(early.check(check).offended, 1, "as when it is requeued");
    }

    #[test]
    fn nothing_follows_a_final_answer() {
        let build = Build::default().refused(7);
        assert_eq!(build.check(check).offended, 0);
        let again = build.failed_before(SENDGRID, 7, 501, None, 2_000.0);
        assert_eq!(again.check(check).offended, 1, "{:?}", again.check(check));
    }

    #[test]
    fn a_final_answer_in_company_is_asked_for_again_alone() {
        let mut build = Build::default().refused(7).failed_before(SENDGRID, 7, 501, None, 5.0);
        build.facts.destinations[SENDGRID].calls[0].keys.push("another".to_owned());
        assert_eq!(build.check(check).offended, 0);
    }

    #[test]
    fn what_the_api_asks_for_is_waited_for() {
        let asked = Some(3_000.0);
        let right = Build::default().delivered(0).failed_before(SENDGRID, 0, 429, asked, 3_010.0);
        assert!(right.check(check).holds(), "{:?}", right.check(check));
        let early = Build::default().delivered(0).failed_before(SENDGRID, 0, 429, asked, 1_200.0);
        assert_eq!(early.check(check).offended, 1, "the event itself");
        let others = Build::default().delivered(1).failed_before(SENDGRID, 1, 429, asked, 3_010.0);
        let others = others.delivered_at(SENDGRID, 2, -800.0);
        assert_eq!(others.check(check).offended, 1, "{:?}", others.check(check));
    }

    #[test]
    fn copies_and_cut_connections_explain_what_comes_early() {
        let early = Build::default().delivered(0).failed_before(SENDGRID, 0, 503, None, 30.0);
        let cut = early.fault(Kind::NetworkReset, SENDGRID + 1, -10.0);
        assert_eq!(cut.check(check).offended, 0);
    }

    #[test]
    fn an_event_has_so_many_attempts_and_no_more() {
        let mut build = Build::default().delivered(0);
        for _ in 0..RETRY_ATTEMPTS {
            build = build.failed_before(SENDGRID, 0, 503, None, 1_020.0);
        }
        assert_eq!(build.check(check).offended, 0);
        let more = build.failed_before(SENDGRID, 0, 503, None, 1_020.0);
        assert_eq!(more.check(check).offended, 1);
    }
}
