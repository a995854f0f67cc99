//! A rolling window: at most so many requests in any span of a given length.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::options::RateLimit;

/// When the requests of the current window were taken.
#[derive(Debug)]
pub(crate) struct RollingWindow {
    limit: RateLimit,
    taken: VecDeque<Instant>,
    taken_today: u32,
}

/// The answer to one request for admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    pub(crate) verdict: Admitted,
    pub(crate) limit: RateLimit,
    pub(crate) remaining: u32,
    pub(crate) daily_remaining: u32,
    /// Until the oldest request leaves the window.
    pub(crate) resets_in: Duration,
}

/// Whether a request is within its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    Yes,
    OverWindow,
    OverDay,
}

impl RollingWindow {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, taken: VecDeque::new(), taken_today: 0 }
    }

    /// Takes a place if there is one. A refused request takes none.
    pub(crate) fn admit(&mut self, now: Instant) -> Admission {
        while self.taken.front().is_some_and(|at| now.duration_since(*at) >= self.limit.interval) {
            self.taken.pop_front();
        }
        let verdict = if self.taken_today >= self.limit.daily {
            Admitted::OverDay
        } else if self.taken.len() >= self.limit.max as usize {
            Admitted::OverWindow
        } else {
            self.taken.push_back(now);
            self.taken_today += 1;
            Admitted::Yes
        };
        let used = u32::try_from(self.taken.len()).unwrap_or(u32::MAX);
        let oldest = self.taken.front().map_or(Duration::ZERO, |at| now.duration_since(*at));
        Admission {
            verdict,
            limit: self.limit,
            remaining: self.limit.max.saturating_sub(used),
            daily_remaining: self.limit.daily.saturating_sub(self.taken_today),
            resets_in: self.limit.interval.saturating_sub(oldest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_rolls_instead_of_starting_afresh() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let limit = RateLimit { max: 2, interval: Duration::from_secs(10), daily: 100 };
        let mut window = RollingWindow::new(limit);
        assert_eq!(window.admit(at(0)).verdict, Admitted::Yes);
        assert_eq!(window.admit(at(9)).remaining, 0);
        assert_eq!(window.admit(at(9)).verdict, Admitted::OverWindow);
        assert_eq!(window.admit(at(10)).verdict, Admitted::Yes, "the first has left");
        assert_eq!(window.admit(at(11)).verdict, Admitted::OverWindow, "the second has not");
        assert_eq!(window.admit(at(11)).resets_in, Duration::from_secs(8));
    }

    #[test]
    fn the_day_ends_before_the_window_does() {
        let limit = RateLimit { max: 10, interval: Duration::from_secs(10), daily: 1 };
        let mut window = RollingWindow::new(limit);
        let now = Instant::now();
        assert_eq!(window.admit(now).daily_remaining, 0);
        assert_eq!(window.admit(now).verdict, Admitted::OverDay);
    }
}
