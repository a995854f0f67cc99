//! What is explored: how many events, what may go wrong how often, and what is done wrong.

use super::steps::Answer;
use crate::policy::AmbiguousPolicy;

/// The rules of one exploration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) events: usize,
    /// Attempts, the first included.
    pub(super) attempts: u32,
    pub(super) ambiguous: AmbiguousPolicy,
    /// Whether the API tells what it has, when it is asked.
    pub(super) api_tells: bool,
    /// What it may answer instead of delivering.
    pub(super) refusals: &'static [Answer],
    pub(super) faults: Faults,
    pub(super) mistake: Mistake,
}

/// How often what may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Faults {
    /// The process dies.
    pub(super) deaths: u8,
    /// The channel is lost that it consumes by.
    pub(super) cuts: u8,
    /// A confirm does not come.
    pub(super) confirms: u8,
    /// An answer does not come, whatever the call did.
    pub(super) answers: u8,
    /// The API asks everybody to wait.
    pub(super) holds: u8,
}

/// What a broken consumer would do, done by the broker and the publisher that are played here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// A delivery counts as acked when it is handed over.
    AckBeforeTheCall,
    /// A successor counts as confirmed when it is sent.
    AckBeforeTheConfirm,
}

/// Nothing goes wrong.
pub(super) const NONE: Faults = Faults { deaths: 0, cuts: 0, confirms: 0, answers: 0, holds: 0 };

/// One event, two attempts, every answer, and nothing goes wrong.
pub(super) const CALM: Rules = Rules {
    events: 1,
    attempts: 2,
    ambiguous: AmbiguousPolicy::Resend,
    api_tells: false,
    refusals: &[Answer::Never, Answer::Later],
    faults: NONE,
    mistake: Mistake::None,
};
