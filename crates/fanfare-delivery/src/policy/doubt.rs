//! Failures that are half of all: is the destination failing, or were we too many?
//!
//! A destination that refuses what it cannot carry does so at once, and answers the others in
//! its own time. Of forty calls that start together at one that carries ten, thirty are refused
//! before the first of the ten is answered, and the breaker has seen enough. So it hears those
//! out that are under way. If one of them is answered well, the others were too many, which is
//! for the limit of calls to mend; if that was not lowered since the last doubt, fewer calls
//! help nobody, and there is none.

use std::time::Duration;

use tokio::time::Instant;

/// Whether the breaker's judgement waits for calls that are under way.
#[derive(Debug, Default)]
pub(crate) struct Doubt {
    /// Nothing starts before, unless the doubt ends.
    until: Option<Instant>,
    /// Calls at the same time that were allowed when it last arose.
    arose_at: Option<usize>,
}

/// A destination that serves some of a crowd does so within this time. Calls that take longer
/// are not waited for.
const LONGEST: Duration = Duration::from_secs(1);

impl Doubt {
    /// Arises, where there is reason for it: `under_way` calls are still to be answered, and
    /// `limit` may be under way at the same time from now on.
    pub(crate) fn arises(&mut self, under_way: usize, limit: usize, now: Instant) -> bool {
        if under_way == 0 || limit <= 1 || self.arose_at == Some(limit) {
            return false;
        }
        self.until = Some(now + LONGEST);
        self.arose_at = Some(limit);
        true
    }

    /// How long it lasts at most, where there is one.
    pub(crate) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// It is decided. Returns whether there was one.
    pub(crate) fn ends(&mut self, now: Instant) -> bool {
        let until = self.until(now);
        self.until = None;
        until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_arises_once_for_each_limit_and_only_where_something_is_to_be_heard() {
        let now = Instant::now();
        let mut doubt = Doubt::default();
        for (under_way, limit, arises) in [
            (0, 20, false),
            (10, 1, false),
            (10, 20, true),
            (10, 20, false),
            (10, 10, true),
            (10, 20, true),
        ] {
            assert_eq!(doubt.arises(under_way, limit, now), arises, "{under_way} {limit}");
            doubt.ends(now);
        }
    }

    #[test]
    fn it_does_not_last() {
        let now = Instant::now();
        let mut doubt = Doubt::default();
        assert!(!doubt.ends(now));
        doubt.arises(10, 20, now);
        assert_eq!(doubt.until(now), Some(now + LONGEST));
        assert_eq!(doubt.until(now + LONGEST), None);
        assert!(!doubt.ends(now + LONGEST));
        doubt.arises(10, 10, now);
        assert!(doubt.ends(now) && !doubt.ends(now));
    }
}
