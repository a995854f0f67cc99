//! The circuit breaker's count: when failures are too many to be the events' own.
//!
//! Only the count is here. What follows a trip (the pause, the probes, the way back) is the
//! gate's. The numbers are those of Resilience4j's count-based window, made for calls that
//! cost an event one of its attempts: half of the last fifty, and never fewer than ten.

use crate::outcome::{Outcome, Trouble};

/// The last calls, as far as they tell whether a destination is well.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    /// The last answered calls, the latest in the lowest bit: set where it was a failure.
    failures: u64,
    /// How many of the bits are in use.
    answered: u32,
    unsent_in_a_row: u32,
}

/// What a call tells about the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charge {
    /// It answered as a healthy one does, also when it refused the event.
    Good,
    /// It failed, or got the call and never answered.
    Bad,
    /// The call did not reach it.
    Unsent,
}

/// Answered calls that are looked at.
const WINDOW: u32 = 50;
/// Fewer answers prove nothing: two failures out of three are an accident.
const LEAST_ANSWERED: u32 = 10;
/// Calls in a row that did not reach the destination. Each is cheap to make and says the
/// same, so there is no need for ten.
const UNSENT_IN_A_ROW: u32 = 5;

const FIRST_SERVER_ERROR: u16 = 500;

const _: () = assert!(WINDOW <= u64::BITS, "the window is kept in one word");

impl Breaker {
    /// Counts one call. Returns whether the destination is failing by that count.
    ///
    /// The count looks at answers in whatever order they come, so a good answer may be the
    /// tenth that shows that nine were bad. Calls that were under way when it tripped go on
    /// being counted, and go on saying so, until [`Self::reset`].
    pub(crate) fn record(&mut self, charge: Charge) -> bool {
        match charge {
            Charge::Unsent => self.unsent_in_a_row = self.unsent_in_a_row.saturating_add(1),
            Charge::Good => self.answer(false),
            Charge::Bad => self.answer(true),
        }
        self.is_failing()
    }

    /// Forgets everything: the destination was found well again.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    fn answer(&mut self, failed: bool) {
        const MASK: u64 = u64::MAX >> (u64::BITS - WINDOW);
        self.unsent_in_a_row = 0;
        self.failures = (self.failures << 1 | u64::from(failed)) & MASK;
        self.answered = (self.answered + 1).min(WINDOW);
    }

    fn is_failing(&self) -> bool {
        let half_failed = self.failures.count_ones() * 2 >= self.answered;
        self.unsent_in_a_row >= UNSENT_IN_A_ROW || (self.answered >= LEAST_ANSWERED && half_failed)
    }
}

impl Charge {
    /// What an outcome tells, or `None` where it tells nothing.
    ///
    /// A refused event (4xx) is the event's fault and a sign of health. Being throttled is
    /// neither: a destination that says when to come back is held until then, and must not
    /// look well because it answers 429 quickly. The same goes for refused credentials and
    /// for what a person has to end.
    pub(crate) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Delivered | Outcome::Rejected { .. } => Some(Self::Good),
            // 408, 421, 423 and 425 speak of one request; 5xx of whoever answers it. Without
            // a status it was our side that failed, such as a destination's code that panicked.
            Outcome::Retry { reason, .. } => match reason.status? {
                FIRST_SERVER_ERROR.. => Some(Self::Bad),
                _ => Some(Self::Good),
            },
            Outcome::Ambiguous { .. } => Some(Self::Bad),
            Outcome::Hold { trouble: Trouble::Unreachable, .. } => Some(Self::Unsent),
            Outcome::Hold { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use Charge::{Bad, Good, Unsent};

    use super::*;
    use crate::http::outcome_of_status;
    use crate::outcome::Reason;

    /// Whether the last of the calls trips it, and none before.
    fn trips_at_last(calls: &[(usize, Charge)]) -> bool {
        let mut breaker = Breaker::default();
        let all: Vec<Charge> =
            calls.iter().flat_map(|(times, charge)| vec![*charge; *times]).collect();
        let tripped: Vec<bool> = all.iter().map(|charge| breaker.record(*charge)).collect();
        let (last, before) = tripped.split_last().unwrap();
        assert!(!before.contains(&true), "{calls:?} trips early: {tripped:?}");
        *last
    }

    #[test]
    fn it_trips_at_half_of_the_answers_and_not_before_ten() {
        let table: &[(&[(usize, Charge)], bool)] = &[
            (&[(9, Bad)], false),
            (&[(10, Bad)], true),
            (&[(9, Bad), (1, Good)], true),
            (&[(6, Good), (5, Bad)], false),
            (&[(6, Good), (6, Bad)], true),
            (&[(50, Good), (24, Bad)], false),
            (&[(50, Good), (25, Bad)], true),
            // What is older than the window does not count.
            (&[(1_000, Good), (24, Bad)], false),
            (&[(1_000, Good), (25, Bad)], true),
            (&[(24, Good), (23, Bad), (27, Good), (23, Bad)], false),
        ];
        for (calls, trips) in table {
            assert_eq!(trips_at_last(calls), *trips, "{calls:?}");
        }
    }

    #[test]
    fn it_trips_at_five_in_a_row_that_did_not_reach_the_destination() {
        let table: &[(&[(usize, Charge)], bool)] = &[
            (&[(4, Unsent)], false),
            (&[(5, Unsent)], true),
            (&[(4, Unsent), (1, Good), (4, Unsent)], false),
            (&[(4, Unsent), (1, Bad), (4, Unsent)], false),
            (&[(50, Good), (5, Unsent)], true),
            // They are no answers, so they dilute no failures either.
            (&[(9, Bad), (4, Unsent), (1, Bad)], true),
        ];
        for (calls, trips) in table {
            assert_eq!(trips_at_last(calls), *trips, "{calls:?}");
        }
    }

    #[test]
    fn calls_from_before_say_the_same_until_it_is_reset() {
        let mut breaker = Breaker::default();
        let tripped = (0..64).filter(|_| breaker.record(Bad)).count();
        assert_eq!(tripped, 64 - 9);
        breaker.reset();
        assert!((0..9).all(|_| !breaker.record(Bad)));
        assert!(breaker.record(Bad));
    }

    #[test]
    fn every_answer_is_charged_to_whom_it_concerns() {
        let after = Some(Duration::from_secs(1));
        let table: &[(&[u16], Option<Duration>, Option<Charge>)] = &[
            (&[200, 202, 204], None, Some(Good)),
            (&[301, 400, 404, 409, 413, 422, 501, 505], None, Some(Good)),
            (&[408, 421, 423, 425], None, Some(Good)),
            (&[500, 502, 503, 504, 520, 524], None, Some(Bad)),
            (&[429, 401, 403, 407, 410], None, None),
            (&[429, 503], after, None),
        ];
        for (statuses, retry_after, expected) in table {
            for status in *statuses {
                let reason = Reason { status: Some(*status), ..Reason::default() };
                let outcome = outcome_of_status(*status, *retry_after, reason);
                assert_eq!(Charge::of(&outcome), *expected, "{status} after {retry_after:?}");
            }
        }
    }

    #[test]
    fn every_silence_is_charged_to_the_destination() {
        let reason = || Reason::new("no answer");
        let hold = |trouble| Outcome::Hold { reason: reason(), trouble, pause: None };
        for (outcome, expected) in [
            (Outcome::Ambiguous { reason: reason() }, Some(Bad)),
            (Outcome::Retry { reason: reason(), after: None }, None),
            (hold(Trouble::Unreachable), Some(Unsent)),
            (hold(Trouble::Untrusted), None),
        ] {
            assert_eq!(Charge::of(&outcome), expected, "{outcome:?}");
        }
    }
}
