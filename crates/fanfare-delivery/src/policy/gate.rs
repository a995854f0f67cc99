//! The gate in front of a destination: closed while the destination is in trouble.
//!
//! While it is closed nothing is attempted. Then one attempt at a time probes; the
//! first answer that is not trouble again opens the gate.

use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use fanfare_broker::topology::LONGEST_DELAY;
use tokio::time::Instant;

use crate::outcome::Trouble;

/// Whether attempts may start.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: State,
    /// Times in a row that the destination was found in trouble.
    found_in_trouble: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Open,
    Held {
        until: Instant,
        trouble: Trouble,
    },
    Probing,
}

/// Whether an attempt may start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Granted,
    /// Not before this moment.
    At(Instant),
    /// Not before the probe that is under way has its answer.
    AfterProbe,
}

/// Pauses that the destination did not name itself.
const TRANSIENT: ExponentialPauses =
    ExponentialPauses::new(Duration::from_secs(1), Duration::from_secs(60));
/// Trouble that a person has to end is probed slowly.
const FOR_A_PERSON: ExponentialPauses =
    ExponentialPauses::new(Duration::from_secs(10), Duration::from_secs(5 * 60));
/// Full jitter may draw next to nothing, and a destination in trouble needs some rest.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

impl Gate {
    /// Whether an attempt may start while `in_flight` others run.
    pub(crate) fn admission(&self, now: Instant, in_flight: usize) -> Admission {
        match self.state {
            State::Open => Admission::Granted,
            State::Held { until, .. } if now < until => Admission::At(until),
            State::Held { .. } | State::Probing if in_flight > 0 => Admission::AfterProbe,
            State::Held { .. } | State::Probing => Admission::Granted,
        }
    }

    /// An attempt starts, as was granted.
    pub(crate) fn started(&mut self, now: Instant) {
        if let State::Held { until, .. } = self.state
            && now >= until
        {
            self.state = State::Probing;
        }
    }

    /// How long a delivery that is at hand already has to wait; `None` while open.
    pub(crate) fn pause(&self, now: Instant) -> Option<Duration> {
        match self.state {
            State::Open => None,
            State::Held { until, .. } => Some((until - now).max(LEAST_PAUSE)),
            State::Probing => Some(LEAST_PAUSE),
        }
    }

    /// The destination is in trouble. Returns when the next attempt may start, and
    /// whether that is news.
    pub(crate) fn hold(
        &mut self,
        trouble: Trouble,
        pause: Option<Duration>,
        now: Instant,
    ) -> (Instant, bool) {
        if let State::Held { until, trouble: known } = self.state {
            // An attempt that started before: it tells nothing new but maybe a longer pause.
            let until = until.max(now + pause.unwrap_or_default().min(LONGEST_DELAY));
            self.state = State::Held { until, trouble: known };
            return (until, false);
        }
        let is_news = matches!(self.state, State::Open);
        self.found_in_trouble = self.found_in_trouble.saturating_add(1);
        // An API that asks for no pause at all is in trouble still.
        let until = now
            + match pause {
                Some(pause) if !pause.is_zero() => pause.clamp(LEAST_PAUSE, LONGEST_DELAY),
                _ => self.own_pause(trouble),
            };
        self.state = State::Held { until, trouble };
        (until, is_news)
    }

    /// The destination answered something else than trouble. Returns whether the gate
    /// opened by that.
    pub(crate) fn answered(&mut self) -> bool {
        match self.state {
            // Started before the trouble began: no proof that it is over.
            State::Held { .. } => false,
            State::Probing => {
                *self = Self::default();
                true
            }
            State::Open => {
                self.found_in_trouble = 0;
                false
            }
        }
    }

    /// Whether the destination is in trouble, as far as is known.
    pub(crate) fn is_closed(&self) -> bool {
        !matches!(self.state, State::Open)
    }

    fn own_pause(&self, trouble: Trouble) -> Duration {
        let pauses = match trouble {
            Trouble::Throttled | Trouble::Unreachable => TRANSIENT,
            Trouble::Unauthorized | Trouble::Disabled | Trouble::Untrusted => FOR_A_PERSON,
        };
        pauses.after(self.found_in_trouble).max(LEAST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nobody_passes_before_the_moment_that_was_named() {
        let now = Instant::now();
        let mut gate = Gate::default();
        assert_eq!(gate.admission(now, 5), Admission::Granted);
        let (until, is_news) = gate.hold(Trouble::Throttled, Some(3 * SECOND), now);
        assert_eq!((until, is_news), (now + 3 * SECOND, true));
        assert_eq!(gate.admission(now + 2 * SECOND, 0), Admission::At(until));
        assert_eq!(gate.admission(until, 0), Admission::Granted);
    }

    #[test]
    fn then_one_probe_at_a_time_until_one_is_answered() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Unreachable, None, now);
        assert_eq!(gate.admission(until, 1), Admission::AfterProbe);
        gate.started(until);
        assert_eq!(gate.admission(until, 1), Admission::AfterProbe);
        let (next, is_news) = gate.hold(Trouble::Unreachable, None, until);
        assert!(next > until && !is_news);
        gate.started(next);
        assert!(gate.answered());
        assert!(!gate.is_closed());
        assert_eq!(gate.admission(next, 63), Admission::Granted);
    }

    #[test]
    fn answers_to_attempts_from_before_neither_open_nor_shorten() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Throttled, Some(10 * SECOND), now);
        assert!(!gate.answered());
        assert_eq!(gate.hold(Trouble::Throttled, Some(SECOND), now), (until, false));
        let (longer, _) = gate.hold(Trouble::Throttled, Some(20 * SECOND), now);
        assert_eq!(gate.admission(now, 0), Admission::At(longer));
        assert_eq!(longer, now + 20 * SECOND);
    }

    #[test]
    fn a_pause_of_any_length_has_its_bounds() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Throttled, Some(Duration::MAX), now);
        assert_eq!(until, now + LONGEST_DELAY);
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Throttled, Some(Duration::ZERO), now);
        assert!(until >= now + LEAST_PAUSE);
    }

    #[test]
    fn an_attempt_that_was_granted_before_the_hold_is_no_probe() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Throttled, Some(3 * SECOND), now);
        gate.started(now);
        assert!(!gate.answered());
        assert_eq!(gate.admission(now, 0), Admission::At(until));
    }

    #[test]
    fn pauses_grow_while_the_trouble_lasts_and_start_over_after_it() {
        let now = Instant::now();
        let mut gate = Gate::default();
        for _ in 0..20 {
            let (until, _) = gate.hold(Trouble::Unreachable, None, now);
            gate.started(until);
        }
        assert_eq!(TRANSIENT.ceiling(gate.found_in_trouble), 60 * SECOND);
        assert!(gate.answered());
        let (until, _) = gate.hold(Trouble::Unreachable, None, now);
        assert!(until - now <= SECOND);
    }
}
