//! A trial: the limit is lowered to see what that does.

use super::round_trips::Measured;

/// The limit was lowered to see what that does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// The limit if it turns out that fewer calls help nobody.
    pub(super) back_to: usize,
    pub(super) step: Step,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A little less, which is all it takes near the right limit.
    Tenth,
    /// Half, which tells whether we are the crowd.
    Half { from: usize, before: Measured, why: Why },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// To learn what an uncrowded round trip is.
    Look,
    /// Answers are slow.
    Slow,
    /// Answers are slow, and half of the calls did not help. An answer that is still getting
    /// slower looks like that as well, so it is asked twice.
    SlowStill,
}
