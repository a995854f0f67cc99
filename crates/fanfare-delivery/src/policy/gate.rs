//! The gate in front of a destination: closed while the destination is in trouble.
//!
//! Hold and circuit breaker are one machine. A hold closes the gate for a time that the API
//! named or that we drew; the breaker closes it when too many calls fail. While it is closed
//! nothing is attempted. Then one call at a time probes; the first that fails closes the gate
//! for longer, and after [`PROBES_TO_OPEN`] good ones it is open.

use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use fanfare_broker::topology::LONGEST_DELAY;
use tokio::time::Instant;

use crate::outcome::Trouble;

/// Whether calls may start.
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
    Probing {
        trouble: Trouble,
        good: u32,
    },
}

/// Whether a call may start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It may.
    Granted,
    /// It may, alone: it finds out whether the destination is well.
    Probe,
    /// Not before this moment.
    At(Instant),
    /// Not before the calls that are under way have ended.
    AfterCalls,
}

/// What a good answer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing: the gate was open, or is closed for a reason that the answer does not touch.
    Unchanged,
    /// One more, and some are wanted.
    StillProbing,
    /// It opened the gate.
    Opened,
}

/// Good answers in a row before everybody may go.
const PROBES_TO_OPEN: u32 = 3;
/// Pauses that the destination did not name itself. A probe is one call, so a minute's rest is
/// plenty, and nobody waits for five after the API is back.
const TRANSIENT: ExponentialPauses =
    ExponentialPauses::new(Duration::from_secs(1), Duration::from_secs(60));
/// What the breaker opened for: calls were answered, and badly, so it rests longer at first.
const FAILING: ExponentialPauses =
    ExponentialPauses::new(Duration::from_secs(5), Duration::from_secs(60));
/// Trouble that a person has to end is probed slowly.
const FOR_A_PERSON: ExponentialPauses =
    ExponentialPauses::new(Duration::from_secs(10), Duration::from_secs(5 * 60));
/// Full jitter may draw next to nothing, and a destination in trouble needs some rest.
const LEAST_PAUSE: Duration = Duration::from_millis(500);

impl Gate {
    /// Whether a call may start while `calls` others run.
    pub(crate) fn admission(&self, now: Instant, calls: usize) -> Admission {
        match self.state {
            State::Open => Admission::Granted,
            State::Held { until, .. } if now < until => Admission::At(until),
            State::Held { .. } | State::Probing { .. } if calls > 0 => Admission::AfterCalls,
            State::Held { .. } | State::Probing { .. } => Admission::Probe,
        }
    }

    /// A probe starts, as was granted.
    pub(crate) fn probe_started(&mut self) {
        if let State::Held { trouble, .. } = self.state {
            self.state = State::Probing { trouble, good: 0 };
        }
    }

    /// The destination is in trouble. Returns when the next call may start, and whether that
    /// is news.
    pub(crate) fn hold(
        &mut self,
        trouble: Trouble,
        pause: Option<Duration>,
        now: Instant,
    ) -> (Instant, bool) {
        if let State::Held { until, trouble: known } = self.state {
            // A call that started before: it tells nothing new but maybe a longer pause.
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

    /// Somebody else found that the trouble lasts until then, or that it is news.
    pub(crate) fn hold_until(&mut self, trouble: Trouble, until: Instant) -> bool {
        let is_news = matches!(self.state, State::Open);
        let until = match self.state {
            State::Held { until: known, .. } => until.max(known),
            State::Open | State::Probing { .. } => until,
        };
        self.state = State::Held { until, trouble };
        is_news
    }

    /// The destination answered as a healthy one does.
    pub(crate) fn answered(&mut self, was_probe: bool) -> Answered {
        match &mut self.state {
            // Started before the trouble began: no proof that it is over.
            State::Held { .. } => Answered::Unchanged,
            State::Probing { .. } if !was_probe => Answered::Unchanged,
            State::Probing { good, .. } => {
                *good += 1;
                if *good < PROBES_TO_OPEN {
                    return Answered::StillProbing;
                }
                self.open();
                Answered::Opened
            }
            State::Open => {
                self.found_in_trouble = 0;
                Answered::Unchanged
            }
        }
    }

    /// Somebody who should know says that the trouble may be over: a wait that we drew
    /// ourselves ends now, one that the API asked for does not.
    pub(crate) fn look_again(&mut self, now: Instant) {
        if let State::Held { until, trouble } = &mut self.state
            && !matches!(trouble, Trouble::Throttled | Trouble::Disabled)
        {
            *until = now;
        }
    }

    /// The trouble is over.
    pub(crate) fn open(&mut self) {
        *self = Self::default();
    }

    /// The trouble that the destination is in, as far as is known.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        match self.state {
            State::Open => None,
            State::Held { trouble, .. } | State::Probing { trouble, .. } => Some(trouble),
        }
    }

    /// Whether the destination is in trouble, as far as is known.
    pub(crate) fn is_closed(&self) -> bool {
        !matches!(self.state, State::Open)
    }

    /// Whether it is being found out whether the destination is well.
    pub(crate) fn is_probing(&self) -> bool {
        matches!(self.state, State::Probing { .. })
    }

    fn own_pause(&self, trouble: Trouble) -> Duration {
        let pauses = match trouble {
            Trouble::Throttled | Trouble::Unreachable => TRANSIENT,
            Trouble::Failing => FAILING,
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
    fn a_hint_that_it_is_over_ends_a_wait_of_our_own_and_none_that_was_asked_for() {
        let now = Instant::now();
        for (trouble, ends) in [
            (Trouble::Unreachable, true),
            (Trouble::Failing, true),
            (Trouble::Unauthorized, true),
            (Trouble::Untrusted, true),
            (Trouble::Throttled, false),
            (Trouble::Disabled, false),
        ] {
            let mut gate = Gate::default();
            let (until, _) = gate.hold(trouble, Some(30 * SECOND), now);
            gate.look_again(now);
            let admission = if ends { Admission::Probe } else { Admission::At(until) };
            assert_eq!(gate.admission(now, 0), admission, "{trouble:?}");
        }
    }

    #[test]
    fn nobody_passes_before_the_moment_that_was_named() {
        let now = Instant::now();
        let mut gate = Gate::default();
        assert_eq!(gate.admission(now, 5), Admission::Granted);
        let (until, is_news) = gate.hold(Trouble::Throttled, Some(3 * SECOND), now);
        assert_eq!((until, is_news), (now + 3 * SECOND, true));
        assert_eq!(gate.admission(now + 2 * SECOND, 0), Admission::At(until));
        assert_eq!(gate.admission(until, 0), Admission::Probe);
    }

    #[test]
    fn then_one_probe_at_a_time_until_enough_are_good() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Unreachable, None, now);
        assert_eq!(gate.admission(until, 1), Admission::AfterCalls);
        gate.probe_started();
        assert_eq!(gate.admission(until, 1), Admission::AfterCalls);
        let (next, is_news) = gate.hold(Trouble::Unreachable, None, until);
        assert!(next > until && !is_news);
        for expected in [Answered::StillProbing, Answered::StillProbing, Answered::Opened] {
            assert_eq!(gate.admission(next, 0), Admission::Probe);
            gate.probe_started();
            assert_eq!(gate.admission(next, 1), Admission::AfterCalls);
            assert_eq!(gate.answered(true), expected);
        }
        assert!(!gate.is_closed());
        assert_eq!(gate.admission(next, 63), Admission::Granted);
    }

    #[test]
    fn a_probe_that_fails_after_good_ones_starts_over() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Failing, None, now);
        gate.probe_started();
        assert_eq!(gate.answered(true), Answered::StillProbing);
        let (next, _) = gate.hold(Trouble::Failing, None, until);
        assert_eq!(gate.admission(until, 0), Admission::At(next));
        gate.probe_started();
        assert_eq!(gate.answered(true), Answered::StillProbing);
        assert_eq!(gate.answered(true), Answered::StillProbing);
        assert_eq!(gate.answered(true), Answered::Opened);
    }

    #[test]
    fn answers_to_calls_from_before_neither_open_nor_shorten() {
        let now = Instant::now();
        let mut gate = Gate::default();
        let (until, _) = gate.hold(Trouble::Throttled, Some(10 * SECOND), now);
        assert_eq!(gate.answered(false), Answered::Unchanged);
        assert_eq!(gate.hold(Trouble::Throttled, Some(SECOND), now), (until, false));
        let (longer, _) = gate.hold(Trouble::Throttled, Some(20 * SECOND), now);
        assert_eq!(gate.admission(now, 0), Admission::At(longer));
        assert_eq!(longer, now + 20 * SECOND);
        gate.probe_started();
        for _ in 0..10 {
            assert_eq!(gate.answered(false), Answered::Unchanged);
        }
        assert!(gate.is_closed());
    }

    #[test]
    fn what_another_process_heard_lengthens_and_never_shortens() {
        let now = Instant::now();
        let mut gate = Gate::default();
        assert!(gate.hold_until(Trouble::Throttled, now + 30 * SECOND));
        assert!(!gate.hold_until(Trouble::Throttled, now + 10 * SECOND));
        assert_eq!(gate.admission(now, 0), Admission::At(now + 30 * SECOND));
        gate.open();
        assert_eq!(gate.admission(now, 9), Admission::Granted);
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
    fn pauses_grow_while_the_trouble_lasts_and_start_over_after_it() {
        let now = Instant::now();
        let mut gate = Gate::default();
        for _ in 0..20 {
            gate.hold(Trouble::Unreachable, None, now);
            gate.probe_started();
        }
        assert_eq!(TRANSIENT.ceiling(gate.found_in_trouble), 60 * SECOND);
        while gate.answered(true) != Answered::Opened {}
        let (until, _) = gate.hold(Trouble::Unreachable, None, now);
        assert!(until - now <= SECOND);
    }
}
