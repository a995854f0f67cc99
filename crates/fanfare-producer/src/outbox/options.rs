//! How a relay goes about its work.

use std::time::Duration;

/// The limits of a relay.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RelayOptions {
    /// How long a row stays in the table after it was sent.
    pub retention: Duration,
    /// How often the table is looked at for rows that nobody announced. Unless it is set, as often
    /// as suits the database: every 20 ms in SQLite, which announces nothing to other processes,
    /// and every second in PostgreSQL, which does.
    pub poll: Option<Duration>,
    /// Rows in memory at any time, in each relay process.
    pub rows_at_hand: usize,
    /// Their bytes; passed by one row at most.
    pub bytes_at_hand: usize,
    /// How long a relay that is told to end waits for the confirms of what is on its way.
    /// What has none by then is published again by the next one.
    pub grace: Duration,
}

/// Rows that are read with one statement, and marked with one.
#[cfg(feature = "outbox-sqlite")]
pub(crate) const BATCH: usize = 500;

/// A confirmed row is marked after this time, or earlier together with others.
#[cfg(feature = "outbox-sqlite")]
pub(crate) const MARK_WITHIN: Duration = Duration::from_millis(10);

/// How often rows are deleted that were sent long enough ago.
pub(crate) const CLEAN_UP_EVERY: Duration = Duration::from_secs(10);

/// Rows that are deleted with one statement: nobody waits long for it.
pub(crate) const CLEAN_UP_BATCH: usize = 500;

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(60 * 60),
            poll: None,
            rows_at_hand: 3000,
            bytes_at_hand: 32 * 1024 * 1024,
            grace: Duration::from_secs(5),
        }
    }
}

impl RelayOptions {
    /// Keeps rows for `retention` after they were sent. Default 1 h.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Looks every `poll` for rows that nobody announced. Default 20 ms on SQLite, 1 s on
    /// PostgreSQL.
    #[must_use]
    pub fn poll(mut self, poll: Duration) -> Self {
        self.poll = Some(poll.max(Duration::from_millis(1)));
        self
    }

    /// Waits so long for confirms when told to end. Default 5 s, at most a year.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace.min(Duration::from_secs(365 * 24 * 3_600));
        self
    }
}
