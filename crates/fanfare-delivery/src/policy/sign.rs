//! What an outcome tells about the destination, apart from the event.

use std::time::Duration;

use super::breaker::Charge;
use crate::outcome::{Outcome, Trouble};

/// What a call tells about the destination's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Nothing: the failure was not the destination's.
    Nothing,
    /// Something that the breaker counts.
    Charge(Charge),
    /// It says itself, or shows clearly, that nothing will succeed for a while.
    Trouble { trouble: Trouble, pause: Option<Duration> },
}

impl Sign {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match (Charge::of(outcome), outcome) {
            (Some(charge), _) => Self::Charge(charge),
            (None, Outcome::Hold { trouble, pause, .. }) => {
                Self::Trouble { trouble: *trouble, pause: *pause }
            }
            (None, _) => Self::Nothing,
        }
    }

    /// What one call with several events tells: trouble before all, and one good answer says
    /// more than failures, which may be the events' own.
    pub(crate) fn of_all<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        outcomes
            .map(Self::of)
            .fold(Self::Nothing, |all, one| if all.weight() < one.weight() { one } else { all })
    }

    fn weight(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Charge(Charge::Unsent) => 1,
            Self::Charge(Charge::Bad) => 2,
            Self::Charge(Charge::Good) => 3,
            Self::Trouble { .. } => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Reason;

    fn retry(status: Option<u16>) -> Outcome {
        Outcome::Retry { reason: Reason { status, ..Reason::default() }, after: None }
    }

    fn hold(trouble: Trouble) -> Outcome {
        Outcome::Hold { reason: Reason::default(), trouble, pause: None }
    }

    #[test]
    fn only_failures_of_the_server_are_charged() {
        let trouble = |trouble| Sign::Trouble { trouble, pause: None };
        let (good, bad) = (Sign::Charge(Charge::Good), Sign::Charge(Charge::Bad));
        let table = [
            (Outcome::Delivered, good),
            (Outcome::rejected("no"), good),
            (retry(Some(408)), good),
            (retry(Some(423)), good),
            (retry(Some(500)), bad),
            (retry(Some(524)), bad),
            (retry(None), Sign::Nothing),
            (Outcome::Ambiguous { reason: Reason::default() }, bad),
            (hold(Trouble::Throttled), trouble(Trouble::Throttled)),
            (hold(Trouble::Unreachable), Sign::Charge(Charge::Unsent)),
            (hold(Trouble::Unauthorized), trouble(Trouble::Unauthorized)),
        ];
        for (outcome, sign) in table {
            assert_eq!(Sign::of(&outcome), sign, "{outcome:?}");
        }
    }

    #[test]
    fn several_events_in_one_call_tell_one_thing() {
        let (good, bad) = (Outcome::Delivered, retry(Some(503)));
        let of = |outcomes: &[&Outcome]| Sign::of_all(outcomes.iter().copied());
        assert_eq!(of(&[&bad, &good, &bad]), Sign::Charge(Charge::Good));
        assert_eq!(of(&[&bad, &retry(None)]), Sign::Charge(Charge::Bad));
        assert!(matches!(of(&[&good, &hold(Trouble::Throttled)]), Sign::Trouble { .. }));
        assert_eq!(of(&[]), Sign::Nothing);
    }
}
