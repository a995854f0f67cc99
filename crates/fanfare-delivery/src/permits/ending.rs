//! How a call ended, as far as it tells about the destination.

use std::time::Duration;

use crate::outcome::Outcome;
use crate::policy::{Load, RateHint, Sign};

/// What a call told when it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) sign: Sign,
    pub(crate) load: Load,
    /// How long the call took, whatever was waited for before it.
    pub(crate) took: Duration,
    pub(crate) hint: Option<RateHint>,
}

impl Ending {
    /// Of a call with one event.
    pub(crate) fn of(outcome: &Outcome, took: Duration, hint: Option<RateHint>) -> Self {
        Self { sign: Sign::of(outcome), load: Load::of(outcome), took, hint }
    }

    /// Of a call with several events, each of which ended as it did.
    pub(crate) fn of_all(outcomes: &[Outcome], took: Duration, hint: Option<RateHint>) -> Self {
        let (sign, load) = (Sign::of_all(outcomes.iter()), Load::of_all(outcomes.iter()));
        Self { sign, load, took, hint }
    }
}
