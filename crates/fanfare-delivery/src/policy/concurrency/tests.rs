//! The rules one by one; what they add up to is in `policy/simulation`.

use super::*;

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

    /// At the maximum, with no tolerance left for failures.
    fn at_max(max: usize) -> Self {
        let mut calls = Self::new(max);
        assert_eq!(calls.rounds(12, 100 * MS, Load::Served), max);
        (0..2).for_each(|_| calls.concurrency.finished(calls.now, MS, Load::PushedBack));
        assert_eq!(calls.concurrency.limit(), max, "two in a row are chance");
        calls
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
fn it_rises_by_half_with_each_round_trip_to_the_maximum_and_stays_there_while_all_is_well() {
    for (max, expected) in [
        (1, [1; 8]),
        (6, [6; 8]),
        (64, [6, 9, 13, 20, 30, 45, 64, 64]),
        (1_000, [6, 9, 13, 20, 30, 45, 67, 101]),
    ] {
        let mut calls = Calls::new(max);
        assert_eq!(expected.map(|_| calls.rounds(1, 3 * MS, Load::Served)), expected);
        calls.rounds(10, 3 * MS, Load::Served);
        assert_eq!((0..50).map(|_| calls.rounds(1, 3 * MS, Load::Served)).min(), Some(max));
    }
}

#[test]
fn no_maximum_is_less_than_one_call() {
    assert_eq!(Concurrency::new(0).limit(), 1);
}

#[test]
fn pushback_cuts_at_once_and_calm_gives_back_step_by_step() {
    let mut calls = Calls::at_max(64);
    calls.concurrency.finished(calls.now, MS, Load::PushedBack);
    assert_eq!(calls.concurrency.limit(), 57);
    let limits: Vec<usize> = (0..6).map(|_| calls.rounds(1, 100 * MS, Load::Served)).collect();
    assert_eq!(limits, [58, 59, 60, 61, 62, 63]);
}

#[test]
fn only_a_limit_that_was_reached_is_raised() {
    let mut calls = Calls::at_max(64);
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
    let mut calls = Calls::at_max(64);
    assert_eq!(calls.rounds(100, MS, Load::Unknown), 64);
    // Quick refusals did not become the measure of what is fast.
    assert_eq!(calls.rounds(5, 100 * MS, Load::Served), 64);
}

#[test]
fn a_destination_that_only_pushes_back_gets_one_call_at_a_time() {
    let mut calls = Calls::at_max(64);
    assert_eq!(calls.rounds(10, 100 * MS, Load::PushedBack), 1);
    assert_eq!(calls.rounds(10, 100 * MS, Load::PushedBack), 1);
}

#[test]
fn a_destination_that_was_in_trouble_is_met_with_few_calls_and_soon_with_many() {
    let mut calls = Calls::at_max(64);
    calls.concurrency.start_over(calls.now);
    assert_eq!(calls.concurrency.limit(), FIRST);
    assert_eq!(calls.rounds(8, 100 * MS, Load::Served), 64);
}

#[test]
fn what_brought_a_pause_is_not_tried_again_soon() {
    let mut calls = Calls::at_max(64);
    (1..=64).for_each(|in_flight| calls.concurrency.started(in_flight));
    (0..24).for_each(|_| calls.concurrency.finished(calls.now, MS, Load::Throttled));
    calls.now += 1_000 * MS;
    calls.concurrency.start_over(calls.now);
    assert_eq!(calls.rounds(190, 100 * MS, Load::Served), 40, "for nineteen seconds");
    assert_eq!(calls.rounds(30, 100 * MS, Load::Served), 64);
}
