//! The delay line: any whole second up to 36 hours, from 17 queues with a fixed TTL each.
//!
//! The TTL of level n is 2ⁿ seconds. A delay is written in binary; the routing key
//! says at each level whether to wait there (`1`) or to fall through (`0`). Since
//! every queue has one TTL, nothing short ever waits behind something long.

use std::fmt;
use std::time::Duration;

/// One level of the delay line, with a time to live of 2ⁿ seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

/// How a message is to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayRoute {
    /// The level whose exchange takes the message.
    pub entry: Level,
    /// All levels' bits, most significant first.
    pub routing_key: String,
    /// What the message will really wait, at least what was asked unless clamped.
    pub delay: Duration,
}

/// How exactly a delay is kept; fewer bits are fewer hops through the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Rounded up to 4 bits: at most 4 hops, less than 12.5 % late. For backoff.
    Backoff,
    /// Rounded up to 6 bits: at most 6 hops, less than 3.2 % late. For `Retry-After`.
    RetryAfter,
}

const LEVELS: u8 = 17;

/// The longest delay that the line can keep: 2¹⁷ − 1 seconds, a little over 36 hours.
pub const LONGEST_DELAY: Duration = Duration::from_secs((1 << LEVELS) - 1);

impl Level {
    /// The level of one second.
    pub const LOWEST: Self = Self(0);
    /// The level of 2¹⁶ seconds.
    pub const HIGHEST: Self = Self(LEVELS - 1);

    /// All levels, longest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..LEVELS).rev().map(Self)
    }

    /// How long a message waits in this level's queue.
    pub fn time_to_live(self) -> Duration {
        Duration::from_secs(1 << self.0)
    }

    /// The next shorter level; `None` below one second.
    pub fn below(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }

    /// What a routing key looks like that waits here.
    pub(super) fn waits_pattern(self) -> String {
        self.pattern('1')
    }

    /// What a routing key looks like that falls through.
    pub(super) fn falls_pattern(self) -> String {
        self.pattern('0')
    }

    /// `*` for each level above, then this level's bit, then anything.
    fn pattern(self, bit: char) -> String {
        let above = usize::from(LEVELS - 1 - self.0);
        format!("{}{bit}.#", "*.".repeat(above))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl DelayRoute {
    /// The way through the line for a wait of at least `delay`.
    ///
    /// Fractions of a second are rounded up, and longer delays than
    /// [`LONGEST_DELAY`] are clamped to it: such a message arrives early and has
    /// to be delayed again.
    pub fn new(delay: Duration, precision: Precision) -> Self {
        let whole = delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0));
        let seconds = round_up(whole.min(LONGEST_DELAY.as_secs()), precision)
            .clamp(1, LONGEST_DELAY.as_secs());
        let bits = u32::try_from(seconds).unwrap_or(u32::MAX);
        let entry = Level::all().find(|level| bits >> level.0 & 1 == 1).unwrap_or(Level::LOWEST);
        let routing_key = Level::all()
            .map(|level| if bits >> level.0 & 1 == 1 { "1" } else { "0" })
            .collect::<Vec<_>>()
            .join(".");
        Self { entry, routing_key, delay: Duration::from_secs(seconds) }
    }
}

/// The next number that has nothing but zeroes after its highest bits.
fn round_up(seconds: u64, precision: Precision) -> u64 {
    let kept = match precision {
        Precision::Backoff => 4,
        Precision::RetryAfter => 6,
    };
    let length = u64::BITS - seconds.leading_zeros();
    let unit = 1u64 << length.saturating_sub(kept);
    seconds.div_ceil(unit) * unit
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hops(route: &DelayRoute) -> usize {
        route.routing_key.matches('1').count()
    }

    #[test]
    fn a_delay_is_written_most_significant_level_first() {
        let route = DelayRoute::new(Duration::from_secs(5), Precision::Backoff);
        assert_eq!(route.entry.to_string(), "02");
        assert_eq!(route.routing_key, "0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.1");
        assert_eq!(route.delay, Duration::from_secs(5));
    }

    #[test]
    fn patterns_look_at_their_own_place() {
        assert_eq!(Level::HIGHEST.waits_pattern(), "1.#");
        assert_eq!(Level(14).falls_pattern(), "*.*.0.#");
        assert_eq!(Level::LOWEST.waits_pattern(), format!("{}1.#", "*.".repeat(16)));
    }

    #[test]
    fn nothing_waits_less_than_a_second_and_nothing_more_than_the_line() {
        assert_eq!(DelayRoute::new(Duration::ZERO, Precision::Backoff).delay.as_secs(), 1);
        assert_eq!(
            DelayRoute::new(Duration::from_millis(1001), Precision::Backoff).delay.as_secs(),
            2
        );
        assert_eq!(DelayRoute::new(Duration::MAX, Precision::RetryAfter).delay, LONGEST_DELAY);
        assert_eq!(DelayRoute::new(LONGEST_DELAY, Precision::Backoff).delay, LONGEST_DELAY);
    }

    proptest! {
        #[test]
        fn a_delay_is_never_early_and_hardly_late(seconds in 1u64..(1 << 17)) {
            for (precision, most_hops, most_late) in
                [(Precision::Backoff, 4, 0.125), (Precision::RetryAfter, 6, 0.032)]
            {
                let route = DelayRoute::new(Duration::from_secs(seconds), precision);
                let delay = route.delay.as_secs();
                prop_assert!(delay >= seconds);
                if delay < LONGEST_DELAY.as_secs() {
                    prop_assert!(hops(&route) <= most_hops, "{seconds}: {}", route.routing_key);
                    prop_assert!((delay - seconds) as f64 <= most_late * seconds as f64);
                }
                let summed: u64 = Level::all()
                    .zip(route.routing_key.split('.'))
                    .filter(|(_, bit)| *bit == "1")
                    .map(|(level, _)| level.time_to_live().as_secs())
                    .sum();
                prop_assert_eq!(summed, delay);
            }
        }
    }
}
