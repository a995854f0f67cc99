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

#[derive(Clone, Copy, Debug)]
struct Crowd {
    /// The limit under which its calls started.
    limit: usize,
    refused: usize,
    began: Option<Instant>,
    /// When the first of them was refused, and the limit cut.
    cut_at: Instant,
}

/// ARC's cut.
const TENTH: f64 = 0.9;
/// A destination that refuses everything is the breaker's matter, not a matter of less.
const MOST_OF_A_CROWD: f64 = 0.5;

impl Pushback {
    /// The limit after a call was refused that took `took`, or `None` where it tells nothing.
    pub(super) fn limit_after(
        &mut self,
        limit: usize,
        now: Instant,
        took: Duration,
    ) -> Option<usize> {
        let crowd = match self.crowd {
            Some(crowd) if now - crowd.cut_at < took => {
                // It started before the cut before: the limit fell for its like already.
                if crowd.began.is_some_and(|began| now - began < took) {
                    return None;
                }
                Crowd { refused: crowd.refused + 1, ..crowd }
            }
            before => {
                Crowd { limit, refused: 1, began: before.map(|before| before.cut_at), cut_at: now }
            }
        };
        self.crowd = Some(crowd);
        let at_most = share(crowd.limit, TENTH);
        let at_least = share(crowd.limit, MOST_OF_A_CROWD);
        let served = crowd.limit.saturating_sub(crowd.refused);
        Some(served.min(at_most).max(at_least).max(1).min(limit))
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
        (0..refused)
            .fold(limit, |limit, _| pushback.limit_after(limit, now, SECOND).unwrap_or(limit))
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
        let ages_ago = pushback.limit_after(51, late, 10 * SECOND);
        assert_eq!(ages_ago, None);
    }

    #[test]
    fn it_never_raises_a_limit_that_fell_for_another_reason() {
        let start = Instant::now();
        let mut pushback = Pushback::default();
        assert_eq!(after(&mut pushback, 64, 1, start), 57);
        assert_eq!(after(&mut pushback, 12, 1, start), 12);
    }
}
