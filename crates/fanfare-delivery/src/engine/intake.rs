//! How much is taken from the queue: a pure decision, made with each look.

/// How much is taken from the queue.
///
/// What is taken and given back counts as one more delivery, and so many of those
/// make an event look like poison. So while a destination is in trouble for long,
/// nothing is kept at hand, and a probe takes one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// As much as is allowed.
    Full,
    /// One, to find out whether the destination is well.
    Probe,
    /// Nothing: what is under way comes to its end, and the rest is given back then.
    Leaving,
    /// Nothing.
    Away,
}

impl Intake {
    /// `too_long`: a delivery has been at hand for too long. `holding`: the destination is
    /// in trouble. `may_start`: an attempt may start, if only to probe. `idle`: nothing is at
    /// hand, so that another session gives back nothing that is under way; or it has been
    /// waited for long enough.
    pub(super) fn next(self, too_long: bool, holding: bool, may_start: bool, idle: bool) -> Self {
        match self {
            // Also where it is not the destination's trouble but the broker's, or a rate that
            // lets nobody through: given back, and taken again when there is a place.
            _ if too_long => self.leaves(idle),
            // Who was sent away is worked on no more, however soon the reason is over: only
            // another session brings it back.
            Self::Leaving => self.leaves(idle),
            Self::Away if may_start && holding => Self::Probe,
            Self::Away if may_start => Self::Full,
            Self::Probe if !holding && idle => Self::Full,
            same => same,
        }
    }

    /// What is under way comes to its end first: given back, it would be called for once more,
    /// or be there twice with the successor that is on its way.
    pub(super) fn leaves(self, idle: bool) -> Self {
        if idle || self == Self::Away { Self::Away } else { Self::Leaving }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_long_hold_gave_back_is_not_taken_again_before_it_ends() {
        let full = Intake::Full;
        let short = full.next(false, true, false, false);
        assert_eq!(short, Intake::Full, "a short hold keeps what is here");
        let away = full.next(true, true, false, true);
        assert_eq!(away, Intake::Away);
        assert_eq!(away.next(false, true, false, true), Intake::Away);
        let probe = away.next(false, true, true, true);
        assert_eq!(probe, Intake::Probe);
        assert_eq!(probe.next(false, true, false, false), Intake::Probe);
    }

    #[test]
    fn the_last_probe_ends_before_everything_is_taken_again() {
        let probe = Intake::Probe;
        assert_eq!(probe.next(false, false, true, false), Intake::Probe);
        assert_eq!(probe.next(false, false, true, true), Intake::Full);
    }

    #[test]
    fn what_only_the_broker_held_up_is_taken_again_at_once() {
        let away = Intake::Full.next(true, false, true, true);
        assert_eq!(away, Intake::Away);
        assert_eq!(away.next(true, false, true, true), Intake::Away, "not before it is given back");
        assert_eq!(away.next(false, false, true, false), Intake::Full);
    }

    #[test]
    fn what_waits_for_a_rate_is_not_taken_before_there_is_a_place() {
        let away = Intake::Full.next(true, false, false, true);
        assert_eq!(away.next(false, false, false, true), Intake::Away);
        assert_eq!(away.next(false, false, true, true), Intake::Full);
    }

    #[test]
    fn what_is_under_way_ends_before_anything_is_given_back() {
        for intake in [Intake::Full, Intake::Probe, Intake::Leaving] {
            for (leaving, away) in [
                (intake.leaves(false), intake.leaves(true)),
                (intake.next(true, true, true, false), intake.next(true, true, true, true)),
            ] {
                assert_eq!((leaving, away), (Intake::Leaving, Intake::Away), "{intake:?}");
            }
        }
        assert_eq!(Intake::Away.leaves(false), Intake::Away);
    }

    #[test]
    fn who_was_sent_away_is_given_back_also_when_the_reason_is_over_soon() {
        let leaving = Intake::Full.leaves(false);
        assert_eq!(leaving.next(false, false, true, false), Intake::Leaving);
        assert_eq!(leaving.next(false, false, true, true), Intake::Away);
    }
}
