//! Exponential pauses with full jitter; the only module that names the `backoff` crate.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// Pauses that double from a base up to a cap.
///
/// Used between attempts to reconnect here, and between attempts of a delivery
/// by the retry schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExponentialPauses {
    base: Duration,
    cap: Duration,
}

const MULTIPLIER: f64 = 2.0;

impl ExponentialPauses {
    /// Pauses from `base`, doubling, never above `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The longest pause after `failures` failures in a row (from 1).
    pub fn ceiling(&self, failures: u32) -> Duration {
        let mut growth = self.growth(self.base.min(self.cap), 0.0);
        let mut ceiling = self.base.min(self.cap);
        for _ in 0..failures {
            ceiling = growth.next_backoff().unwrap_or(self.cap);
            if ceiling >= self.cap {
                return self.cap;
            }
        }
        ceiling
    }

    /// A pause between nothing and [`Self::ceiling`], uniformly (full jitter).
    ///
    /// Full jitter spreads callers that failed together over the whole interval,
    /// which costs the recovering side the fewest calls
    /// (AWS Architecture Blog, "Exponential Backoff And Jitter").
    pub fn after(&self, failures: u32) -> Duration {
        let ceiling = self.ceiling(failures);
        // A factor of one around half the ceiling is the interval [0, ceiling].
        self.growth(ceiling / 2, 1.0).next_backoff().unwrap_or(ceiling).min(ceiling)
    }

    fn growth(&self, interval: Duration, randomization_factor: f64) -> ExponentialBackoff {
        ExponentialBackoff {
            current_interval: interval,
            initial_interval: interval,
            randomization_factor,
            multiplier: MULTIPLIER,
            max_interval: self.cap,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn ceilings_double_from_the_base_to_the_cap() {
        let pauses = ExponentialPauses::new(SECOND, 10 * SECOND);
        let ceilings: Vec<_> = (1..=6).map(|n| pauses.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 10, 10]);
        assert_eq!(pauses.ceiling(u32::MAX), 10 * SECOND);
    }

    #[test]
    fn a_base_above_the_cap_is_the_cap() {
        assert_eq!(ExponentialPauses::new(9 * SECOND, SECOND).ceiling(1), SECOND);
    }

    #[test]
    fn jitter_uses_the_whole_interval_and_never_more() {
        let pauses = ExponentialPauses::new(SECOND, 60 * SECOND);
        let drawn: Vec<_> = (0..2000).map(|_| pauses.after(3)).collect();
        assert!(drawn.iter().all(|pause| *pause <= 4 * SECOND));
        assert!(drawn.iter().any(|pause| *pause < SECOND / 2));
        assert!(drawn.iter().any(|pause| *pause > 7 * SECOND / 2));
    }
}
