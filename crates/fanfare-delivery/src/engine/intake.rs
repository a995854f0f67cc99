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
    /// hand, so that another session gives back nothing that is under way.
    pub(super) fn next(self, too_long: bool, holding: bool, may_start: bool, idle: bool) -> Self {
        match self {
            // Also where it is not the destination's trouble but the broker's, or a rate that
            // lets nobody through: given back, and taken again when there is a place.
            _ if too_long => Self::Away,
            Self::Away if may_start && holding => Self::Probe,
            Self::Away if may_start => Self::Full,
            // Who was sent away is worked on no more, however soon the pause is over: only
            // another session brings it back.
            Self::Leaving if idle => Self::Away,
            Self::Probe if !holding && idle => Self::Full,
            same => same,
        }
    }

    /// What is under way comes to its end first, within the same bound as ever: a successor
    /// that is on its way would follow a delivery that is given back, and the event would be
    /// there twice.
    pub(super) fn while_paused(self, too_long: bool, idle: bool) -> Self {
        match self {
            Self::Full | Self::Probe | Self::Leaving if !too_long && !idle => Self::Leaving,
            _ => Self::Away,
        }
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
        let away = full.next(true, true, false, false);
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
        let away = Intake::Full.next(true, false, true, false);
        assert_eq!(away, Intake::Away);
        assert_eq!(away.next(false, false, true, false), Intake::Full);
    }

    #[test]
    fn what_waits_for_a_rate_is_not_taken_before_there_is_a_place() {
        let away = Intake::Full.next(true, false, false, false);
        assert_eq!(away.next(false, false, false, true), Intake::Away);
        assert_eq!(away.next(false, false, true, true), Intake::Full);
    }

    #[test]
    fn a_pause_lets_what_is_under_way_end_but_not_for_ever() {
        for intake in [Intake::Full, Intake::Probe, Intake::Leaving] {
            assert_eq!(intake.while_paused(false, false), Intake::Leaving);
            assert_eq!(intake.while_paused(false, true), Intake::Away);
            assert_eq!(intake.while_paused(true, false), Intake::Away);
        }
        assert_eq!(Intake::Away.while_paused(false, false), Intake::Away);
    }

    #[test]
    fn what_a_pause_sent_away_is_given_back_also_when_the_pause_was_short() {
        let leaving = Intake::Full.while_paused(false, false);
        assert_eq!(leaving.next(false, false, true, false), Intake::Leaving);
        assert_eq!(leaving.next(false, false, true, true), Intake::Away);
        assert_eq!(leaving.next(true, false, true, false), Intake::Away);
    }
}
