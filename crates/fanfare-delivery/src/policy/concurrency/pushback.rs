//! How far the limit falls when calls are refused.

use std::time::Duration;

use tokio::time::Instant;

/// Refused calls, told apart by the cut that they knew of.
///
/// Calls that started under the same limit and are refused together are one piece of news: a
/// tenth less. But each of them also shows that its place was one too many, and a place that
/// was refused is not filled again.
#[derive(Debug, Default)]
pub(super) struct Pushback {
    crowd: Option<Crowd>,
}

/// What the limit is cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) limit: usize,
    /// Calls of the crowd that were not refused.
    pub(super) served: usize,
    /// Whether as many were served when calls were refused before. Then there is no need to
    /// find out how many are, and these are the limit.
    pub(super) is_known: bool,
}

#[derive(Clone, Copy, Debug)]
struct Crowd {
    /// The limit under which its calls started.
    limit: usize,
    refused: usize,
    is_known: bool,
    /// Crowds before it of which no call was served.
    in_vain: u32,
    began: Option<Instant>,
    /// When the first of them was refused, and the limit cut.
    cut_at: Instant,
}

/// ARC's cut.
const TENTH: f64 = 0.9;
/// A destination that refuses everything is the breaker's matter, not a matter of less.
const MOST_OF_A_CROWD: f64 = 0.5;
/// A twentieth more or less is the same: half of what is cut, and a server may count another
/// call than we do.
const CLOSE: usize = 20;

impl Pushback {
    /// Calls of the latest crowd that were not refused.
    pub(super) fn served(&self) -> Option<usize> {
        self.crowd.map(|crowd| crowd.served())
    }

    /// A call was served that took `took`.
    pub(super) fn served_one(&mut self, now: Instant, took: Duration) {
        if let Some(crowd) = &mut self.crowd
            && now - crowd.cut_at >= took
        {
            crowd.in_vain = 0;
        }
    }

    /// A call was refused that took `took`; `None` where that tells nothing. `is_doubtful`:
    /// what was found before is not to be believed.
    pub(super) fn refused(
        &mut self,
        limit: usize,
        is_doubtful: bool,
        now: Instant,
        took: Duration,
    ) -> Option<Cut> {
        let crowd = match self.crowd {
            Some(crowd) if now - crowd.cut_at < took => {
                // It started before the cut before: the limit fell for its like already.
                if crowd.began.is_some_and(|began| now - began < took) {
                    return None;
                }
                Crowd { refused: crowd.refused + 1, ..crowd }
            }
            before => Crowd {
                limit,
                refused: 1,
                is_known: !is_doubtful && before.is_some_and(|before| before.is_as_much_as(limit)),
                in_vain: before.map_or(0, |before| before.in_vain + 1),
                began: before.map(|before| before.cut_at),
                cut_at: now,
            },
        };
        self.crowd = Some(crowd);
        let served = crowd.served();
        let at_least = share(crowd.limit, MOST_OF_A_CROWD);
        let at_most = if crowd.is_known { served } else { share(crowd.limit, crowd.cut()) };
        let cut = served.min(at_most).max(at_least).max(1).min(limit);
        Some(Cut { limit: cut, served, is_known: crowd.is_known })
    }
}

impl Crowd {
    fn served(&self) -> usize {
        self.limit.saturating_sub(self.refused)
    }

    /// Cuts that did not help are followed by deeper ones.
    fn cut(&self) -> f64 {
        match self.in_vain {
            0 | 1 => TENTH,
            2 => TENTH - 0.1,
            3 => TENTH - 0.3,
            _ => MOST_OF_A_CROWD,
        }
    }

    /// Whether one too many of `limit` calls is what was too many of this crowd.
    fn is_as_much_as(&self, limit: usize) -> bool {
        let served = self.served();
        limit.saturating_sub(1).abs_diff(served) <= (served / CLOSE).max(1)
    }
}

fn share(limit: usize, share: f64) -> usize {
    (limit as f64 * share) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The limit after `refused` calls of one second were refused at the same moment.
    fn after(pushback: &mut Pushback, limit: usize, refused: usize, now: Instant) -> usize {
        (0..refused).fold(limit, |limit, _| {
            pushback.refused(limit, false, now, SECOND).map_or(limit, |cut| cut.limit)
        })
    }

    #[test]
    fn a_refused_call_costs_a_tenth_and_a_refused_crowd_its_places() {
        for (limit, refused, expected) in [
            (64, 1, 57),
            (64, 6, 57),
            (64, 24, 40),
            (64, 32, 32),
            (64, 64, 32),
            (10, 1, 9),
            (2, 1, 1),
            (1, 1, 1),
            (1, 5, 1),
        ] {
            let mut pushback = Pushback::default();
            let now = Instant::now();
            assert_eq!(after(&mut pushback, limit, refused, now), expected, "{refused} of {limit}");
        }
    }

    #[test]
    fn calls_that_knew_of_the_cut_are_news_and_those_from_long_before_are_none() {
        let start = Instant::now();
        let mut pushback = Pushback::default();
        assert_eq!(after(&mut pushback, 64, 1, start), 57);
        assert_eq!(after(&mut pushback, 57, 1, start + SECOND), 51, "it started after the cut");
        let late = start + SECOND + SECOND / 2;
        assert_eq!(
            after(&mut pushback, 51, 1, late),
            51,
            "one of the second crowd, and its second"
        );
        let ages_ago = pushback.refused(51, false, late, 10 * SECOND);
        assert_eq!(ages_ago, None);
    }

    #[test]
    fn it_never_raises_a_limit_that_fell_for_another_reason() {
        let start = Instant::now();
        let mut pushback = Pushback::default();
        assert_eq!(after(&mut pushback, 64, 1, start), 57);
        assert_eq!(after(&mut pushback, 12, 1, start), 12);
    }

    #[test]
    fn what_was_served_when_calls_were_refused_before_is_not_cut_by_a_tenth() {
        let mut now = Instant::now();
        let mut pushback = Pushback::default();
        for (limit, refused, expected) in [
            (41, 1, 36),
            (41, 1, 40),
            (43, 3, 40),
            // Fewer than the known: it carries less.
            (36, 1, 32),
            (32, 1, 28),
        ] {
            now += 2 * SECOND;
            pushback.served_one(now, SECOND);
            assert_eq!(after(&mut pushback, limit, refused, now), expected, "{limit}");
        }
    }

    #[test]
    fn cuts_that_do_not_help_become_deeper() {
        let mut now = Instant::now();
        let mut pushback = Pushback::default();
        for (limit, expected) in [(100, 90), (90, 81), (81, 64), (64, 38), (38, 19), (19, 9)] {
            assert_eq!(after(&mut pushback, limit, 1, now), expected, "{limit}");
            // One that is served now started before the cut.
            pushback.served_one(now + SECOND / 2, SECOND);
            now += SECOND;
        }
        now += SECOND;
        pushback.served_one(now, SECOND);
        assert_eq!(after(&mut pushback, 9, 1, now), 8);
    }
}
