//! Wall-clock time as messages carry it.

#[cfg(test)]
use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(test)]
thread_local! {
    /// Where the hands of this thread's clock were put, by a test that leaves no time to chance.
    pub(crate) static HANDS: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    #[cfg(test)]
    if let Some(ms) = HANDS.get() {
        return ms;
    }
    // Before 1970 a clock is wrong anyway; nothing is delayed or expired by that.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, as_ms)
}

/// A duration in whole milliseconds.
pub(crate) fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
