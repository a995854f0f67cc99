//! How the limit grows while it is not known what the destination carries.
//!
//! By half with each round trip, paced by the answers: every second one makes room for one
//! more. TCP doubles. But of the calls that come with the last doubling half may be too many,
//! and so many failures are what the breaker trips at; a third is not.

/// The limit grows until something pushes back or answers get slow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rise {
    answers: u32,
}

/// Few enough for the smallest of servers, and seven round trips below the usual maximum.
pub(super) const FIRST: usize = 4;
const ANSWERS_PER_PLACE: u32 = 2;

impl Rise {
    /// A call was answered, and not refused. Returns whether there is room for one more.
    pub(super) fn answered(&mut self) -> bool {
        self.answers += 1;
        self.answers.is_multiple_of(ANSWERS_PER_PLACE)
    }
}
