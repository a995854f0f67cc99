//! The rules one by one; what they add up to is in `policy/simulation`.

use super::*;
use crate::http::outcome_of_status;
use crate::outcome::Reason;

const MS: Duration = Duration::from_millis(1);

/// A destination whose calls all take the same, called as often as the limit allows.
struct Calls {
    concurrency: Concurrency,
    now: Instant,
}

impl Calls {
    fn new(max: usize) -> Self {
        Self { concurrency: Concurrency::new(max), now: Instant::now() }
    }

    /// As many calls as the limit allows, `rounds` times.
    fn rounds(&mut self, rounds: usize, took: Duration, load: Load) -> usize {
        for _ in 0..rounds {
            let calls = self.concurrency.limit();
            (1..=calls).for_each(|in_flight| self.concurrency.started(in_flight));
            self.now += took;
            (0..calls).for_each(|_| self.concurrency.finished(self.now, took, load));
        }
        self.concurrency.limit()
    }
}

#[test]
fn it_starts_at_the_maximum_and_stays_there_while_all_is_well() {
    for max in [1, 2, 6, 64, 1_000] {
        let mut calls = Calls::new(max);
        let limits: Vec<usize> = (0..50).map(|_| calls.rounds(1, 3 * MS, Load::Served)).collect();
        assert_eq!(limits, [max; 50]);
    }
}

#[test]
fn no_maximum_is_less_than_one_call() {
    assert_eq!(Concurrency::new(0).limit(), 1);
}

#[test]
fn pushback_cuts_at_once_and_calm_gives_back_step_by_step() {
    let mut calls = Calls::new(64);
    calls.rounds(3, 100 * MS, Load::Served);
    calls.concurrency.finished(calls.now, MS, Load::PushedBack);
    assert_eq!(calls.concurrency.limit(), 57);
    let limits: Vec<usize> = (0..8).map(|_| calls.rounds(1, 100 * MS, Load::Served)).collect();
    assert!(limits.is_sorted() && limits[0] == 58, "{limits:?}");
    assert_eq!(limits[7], 64, "{limits:?}");
}

#[test]
fn only_a_limit_that_was_reached_is_raised() {
    let mut calls = Calls::new(64);
    calls.rounds(3, 100 * MS, Load::Served);
    calls.concurrency.finished(calls.now, MS, Load::PushedBack);
    for _ in 0..100 {
        calls.concurrency.started(1);
        calls.now += 100 * MS;
        calls.concurrency.finished(calls.now, 100 * MS, Load::Served);
    }
    assert_eq!(calls.concurrency.limit(), 57);
}

#[test]
fn answers_that_say_nothing_change_nothing() {
    let mut calls = Calls::new(64);
    calls.rounds(3, 100 * MS, Load::Served);
    assert_eq!(calls.rounds(100, MS, Load::Unknown), 64);
    // Quick refusals did not become the measure of what is fast.
    assert_eq!(calls.rounds(5, 100 * MS, Load::Served), 64);
}

#[test]
fn a_destination_that_only_pushes_back_gets_one_call_at_a_time() {
    let mut calls = Calls::new(64);
    assert_eq!(calls.rounds(10, 100 * MS, Load::PushedBack), 1);
    assert_eq!(calls.rounds(10, 100 * MS, Load::PushedBack), 1);
}

#[test]
fn every_answer_says_how_busy_the_destination_is() {
    let table: &[(&[u16], Load)] = &[
        (&[200, 202, 204], Load::Served),
        (&[400, 401, 404, 409, 410, 413, 421, 422, 423, 425, 501], Load::Unknown),
        (&[408, 429, 500, 502, 503, 504, 520, 524], Load::PushedBack),
    ];
    for (statuses, expected) in table {
        for status in *statuses {
            let reason = Reason { status: Some(*status), ..Reason::default() };
            let outcome = outcome_of_status(*status, None, reason);
            assert_eq!(Load::of(&outcome), *expected, "{status}");
        }
    }
    let reason = || Reason::new("no answer");
    let unreachable =
        Outcome::Hold { reason: reason(), trouble: Trouble::Unreachable, pause: None };
    assert_eq!(Load::of(&unreachable), Load::Unknown);
    assert_eq!(Load::of(&Outcome::Ambiguous { reason: reason() }), Load::PushedBack);
}
