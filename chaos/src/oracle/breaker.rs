//! I7: while every consumer of a destination has its gate closed, there are only probes, and each
//! makes one at a time.

use super::case::{Case, end_ms};
use super::finding::Finding;
use crate::stage::{Life, Role};

/// Calls that were made before the gate was seen closed may arrive a moment later.
const ARRIVAL_MS: f64 = 150.0;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let says = "with the breaker open there are only probes, one at a time each";
    let mut finding = Finding::new("I7", says);
    let mut closed_ms = 0.0;
    for destination in 0..case.places.len() {
        for (from_ms, until_ms, consumers) in closed_spans(case, destination) {
            closed_ms += until_ms - from_ms;
            judge(case, destination, (from_ms + ARRIVAL_MS, until_ms), consumers, &mut finding);
        }
    }
    finding.note = format!("{:.0} s with every gate of a destination closed", closed_ms / 1e3);
    finding
}

/// Of calls that arrive in the span no more are under way at a time than there are consumers.
fn judge(
    case: &Case<'_>,
    destination: usize,
    (from_ms, until_ms): (f64, f64),
    consumers: usize,
    finding: &mut Finding,
) {
    let place = &case.places[destination];
    finding.judged += 1;
    let first = place.facts.calls.partition_point(|call| call.arrived_ms < from_ms);
    let mut under_way: Vec<f64> = Vec::new();
    for call in &place.facts.calls[first..] {
        if call.arrived_ms >= until_ms {
            break;
        }
        under_way.retain(|ended_ms| *ended_ms > call.arrived_ms);
        under_way.push(end_ms(call));
        if under_way.len() > consumers {
            let (name, count) = (place.spec.name, under_way.len());
            let what = format!("{count} calls at a time to {name} by {consumers} closed gates");
            finding.offend(what, None);
        }
    }
}

/// Spans in which every consumer's gate was closed at every look, with how many consumers there
/// were: always the same ones. A gate that is met by trouble again is closed before the next look.
fn closed_spans(case: &Case<'_>, destination: usize) -> Vec<(f64, f64, usize)> {
    let looks = looks(case, destination);
    let mut spans = Vec::new();
    for alike in looks.chunk_by(|one, next| one.1 == next.1) {
        let (Some((from_ms, Some(pids))), Some((until_ms, _))) = (alike.first(), alike.last())
        else {
            continue;
        };
        // What the last look saw may be a second old.
        let until_ms = until_ms - METRIC_AGE_MS;
        if from_ms + ARRIVAL_MS < until_ms {
            spans.push((*from_ms, until_ms, pids.len()));
        }
    }
    spans
}

/// At each look the consumers of a destination, if the gates of all of them were closed.
fn looks(case: &Case<'_>, destination: usize) -> Vec<(f64, Option<Vec<u32>>)> {
    let lives: Vec<&Life> =
        case.facts.lives.iter().filter(|life| life.role == Role::Consumer(destination)).collect();
    let usage = &case.facts.recording.usage;
    let looks = usage.chunk_by(|one, next| one.at_ms == next.at_ms).map(|look| {
        let at_ms = look[0].at_ms;
        let closed = |pid: u32| look.iter().any(|one| one.pid == pid && one.gate == Some(CLOSED));
        let alive: Vec<u32> =
            lives.iter().filter(|life| life.runs_at(at_ms)).map(|life| life.pid).collect();
        let is_closed = !alive.is_empty() && alive.iter().all(|pid| closed(*pid));
        (at_ms, is_closed.then_some(alive))
    });
    looks.collect()
}

/// The metric is written once a second.
const METRIC_AGE_MS: f64 = 1_000.0;

/// `fanfare_breaker_state` of a gate that is closed to all but probes, which are not due yet.
const CLOSED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, SENDGRID};
    use super::*;

    #[test]
    fn a_probe_each_is_right_and_a_crowd_is_not() {
        let closed = [1_000.0, 1_500.0, 2_000.0, 2_500.0]
            .into_iter()
            .fold(Build::default(), |build, at_ms| build.gates(SENDGRID, at_ms, CLOSED));
        let probes =
            closed.clone().delivered_at(SENDGRID, 0, 1_300.0).delivered_at(SENDGRID, 1, 1_300.0);
        assert!(probes.check(check).holds(), "{:?}", probes.check(check));
        let crowd = probes.delivered_at(SENDGRID, 2, 1_300.0);
        assert_eq!(crowd.check(check).offended, 1);
    }

    #[test]
    fn nothing_is_said_of_gates_that_are_open() {
        let open = Build::default().gates(SENDGRID, 1_000.0, 0).gates(SENDGRID, 1_500.0, 0);
        let crowd = (0..9).fold(open, |build, n| build.delivered_at(SENDGRID, n, 1_300.0));
        assert_eq!(crowd.check(check).judged, 0);
    }
}
