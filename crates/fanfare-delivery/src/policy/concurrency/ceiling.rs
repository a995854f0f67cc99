//! How far the limit may grow, after calls were refused.
//!
//! What a destination served when one more was too many is as much as it carries. For a while
//! that is kept to, since finding it out anew costs: a server that answers 503 one call, and
//! one that answers 429 a pause of everything.

use std::time::Duration;

use tokio::time::Instant;

/// The calls that were served when one more was too many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    served: usize,
    until: Instant,
    is_known: bool,
}

/// One refused call in five round trips: one in two hundred, where forty are served at a time.
const ROUND_TRIPS: u32 = 5;
/// And one in forty at most, where few are.
const LEAST_CALLS: u32 = 40;
/// In times that everything was paused: five percent.
const PAUSES: u32 = 20;
/// A destination that wants to be left alone for an hour meant something else.
const LONGEST: Duration = Duration::from_secs(60);

impl Ceiling {
    /// Calls were refused when there were more than `served`, which may be an accident.
    pub(super) fn seen(served: usize, now: Instant) -> Self {
        Self { served: served.max(1), until: now, is_known: false }
    }

    /// Calls were refused again, when there were more than `served`.
    pub(super) fn known(served: usize, now: Instant, round_trip: Duration) -> Self {
        let at_a_time = u32::try_from(served.max(1)).unwrap_or(u32::MAX);
        let round_trips = ROUND_TRIPS.max(LEAST_CALLS / at_a_time);
        let until = now + round_trip * round_trips;
        Self { until, is_known: true, ..Self::seen(served, now) }
    }

    /// More calls than `served` brought a pause of everything, from `began` until now.
    pub(super) fn paid_for(served: usize, began: Instant, now: Instant) -> Self {
        let kept_for = (now - began).saturating_mul(PAUSES).min(LONGEST);
        Self { until: now + kept_for, is_known: true, ..Self::seen(served, now) }
    }

    /// Most calls, if it is to be kept to still.
    pub(super) fn at(&self, now: Instant) -> Option<usize> {
        (now < self.until).then_some(self.served)
    }

    /// Whether calls are refused where it is to be expected.
    pub(super) fn foretells(&self, limit: usize) -> bool {
        self.is_known && limit > self.served && !self.is_history_at(limit)
    }

    /// So many calls were not refused: the destination is another now.
    pub(super) fn is_history_at(&self, limit: usize) -> bool {
        limit > self.served + self.served / 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_kept_to_for_as_long_as_it_was_dear_to_find() {
        let began = Instant::now();
        let now = began + SECOND;
        let hours = began + 3_600 * SECOND;
        for (ceiling, end) in [
            (Ceiling::known(40, now, SECOND), now + 5 * SECOND),
            (Ceiling::known(2, now, SECOND), now + 20 * SECOND),
            (Ceiling::paid_for(40, began, now), now + 20 * SECOND),
            (Ceiling::paid_for(40, began, hours), hours + 60 * SECOND),
        ] {
            let almost = end - Duration::from_nanos(1);
            assert_eq!(ceiling.at(almost), Some(ceiling.served), "{ceiling:?}");
            assert_eq!(ceiling.at(end), None, "{ceiling:?}");
        }
    }

    #[test]
    fn what_was_seen_once_is_not_kept_to() {
        let now = Instant::now();
        assert_eq!(Ceiling::seen(40, now).at(now), None);
    }

    #[test]
    fn a_quarter_more_makes_it_history() {
        let now = Instant::now();
        for (served, limit, expected) in
            [(40, 50, false), (40, 51, true), (1, 1, false), (1, 2, true), (0, 1, false)]
        {
            assert_eq!(Ceiling::seen(served, now).is_history_at(limit), expected, "{limit}");
        }
    }
}
