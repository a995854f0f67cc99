//! Failures that are no crowd: many an API fails once in a hundred calls, however many there are.
//!
//! They would cut the limit again and again, and a destination that fails one call in a hundred
//! would be given half of what it carries. A crowd that is refused soon has used up what is
//! tolerated here.

/// How many more failures are chance.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tolerance {
    answers: u32,
}

/// A failure in so many answers is chance: two in a hundred.
const ANSWERS_PER_FAILURE: u32 = 50;
/// Two in a row at most.
const MOST: u32 = 2 * ANSWERS_PER_FAILURE;

impl Tolerance {
    /// A call was served.
    pub(super) fn served(&mut self) {
        self.answers = (self.answers + 1).min(MOST);
    }

    /// Whether a call that failed may have done so by chance.
    pub(super) fn takes(&mut self) -> bool {
        let left = self.answers.checked_sub(ANSWERS_PER_FAILURE);
        self.answers = left.unwrap_or(self.answers);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_a_hundred_are_chance_and_three_in_a_row_are_not() {
        let mut tolerance = Tolerance::default();
        assert!(!tolerance.takes(), "nothing is known yet");
        (0..1_000).for_each(|_| tolerance.served());
        assert_eq!([(); 3].map(|()| tolerance.takes()), [true, true, false]);
        for _ in 0..10 {
            (0..50).for_each(|_| tolerance.served());
            assert_eq!([(); 2].map(|()| tolerance.takes()), [true, false]);
        }
    }
}
