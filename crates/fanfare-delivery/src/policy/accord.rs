//! What the replicas of a destination agree on: who waits, who probes, and who paused it.
//!
//! They agree through the destination's control log. Where there is none, or it stays silent,
//! each process goes by what it meets itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::outcome::Trouble;

/// What this process knows of the others, and has asked them.
#[derive(Debug, Default)]
pub(crate) struct Accord {
    standing: Option<Standing>,
    granted: bool,
    asked_at: Option<Instant>,
}

/// How the destination stands by the control log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Nobody calls until an operator says so.
    pub(crate) is_paused: bool,
    /// Nobody calls before.
    pub(crate) held_until: Option<Instant>,
    /// Whether a hold is running, or over and no probe has shown it yet.
    pub(crate) is_unproven: bool,
    /// Another one probes until then at the latest.
    pub(crate) others_probe_until: Option<Instant>,
}

/// What a new standing means for the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    Nothing,
    Hold(Instant),
    Open,
}

/// How long a probe waits for the log's answer before it goes by itself: the log's broker is
/// the one that deliveries come from, so this is a log that was lost, not a slow one.
const SILENCE: Duration = Duration::from_secs(10);

impl Accord {
    /// Takes in how the destination stands now; `None` where there is no log.
    pub(crate) fn learn(&mut self, standing: Option<Standing>, met: Option<Trouble>) -> Lesson {
        let before = std::mem::replace(&mut self.standing, standing);
        let Some(now) = standing else {
            *self = Self::default();
            return Lesson::Nothing;
        };
        let before = before.unwrap_or_default();
        // Asked in vain: it is asked again when whoever was first is done.
        if now.held_until.is_some() || now.others_probe_until.is_some() {
            (self.granted, self.asked_at) = (false, None);
        }
        if before.is_paused && !now.is_paused {
            return Lesson::Open;
        }
        match now.held_until {
            Some(until) if before.held_until.is_none_or(|known| differ(known, until)) => {
                Lesson::Hold(until)
            }
            // What this process met itself is its own to find out.
            None if before.is_unproven && !now.is_unproven && met == Some(Trouble::Throttled) => {
                Lesson::Open
            }
            Some(_) | None => Lesson::Nothing,
        }
    }

    /// Whether the destination is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.standing.is_some_and(|standing| standing.is_paused)
    }

    /// Whether a probe of a destination in `trouble` is for one replica to make.
    pub(crate) fn is_shared(&self, trouble: Option<Trouble>) -> bool {
        self.standing
            .is_some_and(|standing| standing.is_unproven || trouble == Some(Trouble::Throttled))
    }

    /// Takes the right to probe, once; or says when to look again, and asks for it.
    pub(crate) fn take_probe(&mut self, now: Instant) -> Result<(), Instant> {
        if self.granted {
            (self.granted, self.asked_at) = (false, None);
            return Ok(());
        }
        let others = self.standing.and_then(|standing| standing.others_probe_until);
        if let Some(until) = others.filter(|until| *until > now) {
            return Err(until);
        }
        let silent_at = *self.asked_at.get_or_insert(now) + SILENCE;
        if now < silent_at {
            return Err(silent_at);
        }
        self.asked_at = None;
        Ok(())
    }

    /// Whether the right to probe is to be asked for.
    pub(crate) fn is_asking(&self) -> bool {
        self.asked_at.is_some() && !self.granted
    }

    /// The log gave the right to probe to this process.
    pub(crate) fn grant(&mut self) {
        self.granted = self.asked_at.is_some();
    }
}

/// Whether they are two moments: the log counts in milliseconds, and one and the same moment of
/// it is another one by our clock with each notice.
fn differ(one: Instant, other: Instant) -> bool {
    const ROUNDED: Duration = Duration::from_millis(10);
    one.max(other) - one.min(other) > ROUNDED
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const THROTTLED: Option<Trouble> = Some(Trouble::Throttled);

    fn standing() -> Standing {
        Standing::default()
    }

    #[test]
    fn without_a_log_a_process_goes_by_what_it_meets() {
        let mut accord = Accord::default();
        assert!(!accord.is_shared(THROTTLED));
        accord.learn(Some(standing()), None);
        assert!(accord.is_shared(THROTTLED));
        assert!(!accord.is_shared(Some(Trouble::Unreachable)));
        accord.learn(None, None);
        assert!(!accord.is_shared(THROTTLED));
    }

    #[test]
    fn a_probe_is_made_once_for_each_time_that_it_is_granted() {
        let now = Instant::now();
        let mut accord = Accord::default();
        accord.learn(Some(standing()), None);
        accord.grant();
        assert_eq!(accord.take_probe(now), Err(now + SILENCE), "it was not asked for");
        assert!(accord.is_asking());
        accord.grant();
        assert!(!accord.is_asking());
        assert_eq!(accord.take_probe(now), Ok(()));
        assert!(accord.take_probe(now).is_err());
    }

    #[test]
    fn while_another_probes_one_waits_for_it_and_then_asks_anew() {
        let now = Instant::now();
        let mut accord = Accord::default();
        accord.learn(Some(standing()), None);
        assert!(accord.take_probe(now).is_err());
        let until = now + 40 * SECOND;
        let busy = Standing { others_probe_until: Some(until), ..standing() };
        accord.learn(Some(busy), THROTTLED);
        assert_eq!(accord.take_probe(now + 30 * SECOND), Err(until), "for ever so long");
        assert!(!accord.is_asking());
        accord.learn(Some(standing()), THROTTLED);
        assert!(accord.take_probe(now + 30 * SECOND).is_err());
        assert!(accord.is_asking());
    }

    #[test]
    fn a_log_that_stays_silent_stops_nobody() {
        let now = Instant::now();
        let mut accord = Accord::default();
        accord.learn(Some(standing()), None);
        assert_eq!(accord.take_probe(now), Err(now + SILENCE));
        assert_eq!(accord.take_probe(now + SILENCE), Ok(()));
    }

    #[test]
    fn what_the_others_found_closes_and_opens_the_gate() {
        let now = Instant::now();
        let mut accord = Accord::default();
        let held = Standing { held_until: Some(now + SECOND), is_unproven: true, ..standing() };
        let rounded = now + SECOND - Duration::from_millis(1);
        let again = Standing { held_until: Some(rounded), ..held };
        let longer = Standing { held_until: Some(now + 2 * SECOND), ..held };
        let over = Standing { held_until: None, ..held };
        let paused = Standing { is_paused: true, ..standing() };
        for (standing, met, lesson) in [
            (held, None, Lesson::Hold(now + SECOND)),
            (held, THROTTLED, Lesson::Nothing),
            (again, THROTTLED, Lesson::Nothing),
            (longer, THROTTLED, Lesson::Hold(now + 2 * SECOND)),
            (held, THROTTLED, Lesson::Hold(now + SECOND)),
            (over, THROTTLED, Lesson::Nothing),
            (standing(), THROTTLED, Lesson::Open),
            (held, None, Lesson::Hold(now + SECOND)),
            (standing(), Some(Trouble::Unreachable), Lesson::Nothing),
            (paused, None, Lesson::Nothing),
            (standing(), Some(Trouble::Disabled), Lesson::Open),
        ] {
            assert_eq!(accord.learn(Some(standing), met), lesson, "{standing:?} {met:?}");
        }
    }
}
