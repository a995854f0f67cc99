//! How fast the relay is. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// The rows that are settled in one span of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    span: Duration,
    since: Instant,
    settled_then: u64,
    rows: u64,
}

impl Pace {
    pub(super) fn of(span: Duration, now: Instant) -> Self {
        Self { span, since: now, settled_then: 0, rows: 0 }
    }

    /// So many rows have been settled ever.
    pub(super) fn settled(&mut self, settled: u64, now: Instant) {
        if now - self.since >= self.span {
            // A relay that was started again counts from zero.
            self.rows = settled.saturating_sub(self.settled_then);
            (self.since, self.settled_then) = (now, settled);
        }
    }

    /// How many were, in the last span that is over.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_last_span() {
        const SPAN: Duration = Duration::from_secs(1);
        let began = Instant::now();
        let mut pace = Pace::of(SPAN, began);
        for (after_ms, settled, expected) in
            [(500, 10, 0), (1_000, 30, 30), (1_500, 90, 30), (2_100, 100, 70), (3_200, 5, 0)]
        {
            pace.settled(settled, began + Duration::from_millis(after_ms));
            assert_eq!(pace.rows(), expected, "after {after_ms} ms");
        }
    }
}
