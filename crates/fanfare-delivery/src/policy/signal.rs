//! What an outcome tells about the destination, apart from the event.

use std::time::Duration;

use super::breaker::Charge;
use crate::outcome::{Outcome, Trouble};

/// What a call tells about the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) health: Sign,
    /// Whether the destination was pushing back: it wants fewer calls at the same time.
    pub(crate) pushed_back: bool,
}

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

const REQUEST_TIMEOUT: u16 = 408;

impl Signal {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        let charge = Charge::of(outcome);
        let health = match (outcome, charge) {
            (_, Some(charge)) => Sign::Charge(charge),
            (Outcome::Hold { trouble, pause, .. }, None) => {
                Sign::Trouble { trouble: *trouble, pause: *pause }
            }
            (_, None) => Sign::Nothing,
        };
        let timed_out = outcome.reason().and_then(|why| why.status) == Some(REQUEST_TIMEOUT);
        let throttled = matches!(health, Sign::Trouble { trouble: Trouble::Throttled, .. });
        Self { health, pushed_back: charge == Some(Charge::Bad) || timed_out || throttled }
    }

    /// What one call with several events tells: trouble before all, and one good answer says
    /// more than failures, which may be the events' own.
    pub(crate) fn of_all<'a>(outcomes: impl Iterator<Item = &'a Outcome>) -> Self {
        let start = Self { health: Sign::Nothing, pushed_back: false };
        outcomes.map(Self::of).fold(start, |all, one| Self {
            health: if all.health.weight() < one.health.weight() { one.health } else { all.health },
            pushed_back: all.pushed_back || one.pushed_back,
        })
    }
}

impl Sign {
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
    fn only_failures_of_the_server_are_charged_and_only_load_pushes_back() {
        let trouble = |trouble| Sign::Trouble { trouble, pause: None };
        let (good, bad) = (Sign::Charge(Charge::Good), Sign::Charge(Charge::Bad));
        let table = [
            (Outcome::Delivered, good, false),
            (Outcome::rejected("no"), good, false),
            (retry(Some(408)), good, true),
            (retry(Some(423)), good, false),
            (retry(Some(500)), bad, true),
            (retry(Some(524)), bad, true),
            (retry(None), Sign::Nothing, false),
            (Outcome::Ambiguous { reason: Reason::default() }, bad, true),
            (hold(Trouble::Throttled), trouble(Trouble::Throttled), true),
            (hold(Trouble::Unreachable), Sign::Charge(Charge::Unsent), false),
            (hold(Trouble::Unauthorized), trouble(Trouble::Unauthorized), false),
        ];
        for (outcome, health, pushed_back) in table {
            assert_eq!(Signal::of(&outcome), Signal { health, pushed_back }, "{outcome:?}");
        }
    }

    #[test]
    fn several_events_in_one_call_tell_one_thing() {
        let (good, bad) = (Outcome::Delivered, retry(Some(503)));
        let of = |outcomes: &[&Outcome]| Signal::of_all(outcomes.iter().copied()).health;
        assert_eq!(of(&[&bad, &good, &bad]), Sign::Charge(Charge::Good));
        assert_eq!(of(&[&bad, &retry(None)]), Sign::Charge(Charge::Bad));
        assert!(matches!(of(&[&good, &hold(Trouble::Throttled)]), Sign::Trouble { .. }));
        assert_eq!(of(&[]), Sign::Nothing);
    }
}
