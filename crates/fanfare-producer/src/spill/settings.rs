//! How a spill is used.

use std::path::PathBuf;
use std::time::Duration;

use super::error::OpenError;
use super::producer::SpillingProducer;
use crate::producer::Producer;

/// A file for the events that the broker does not take at once.
#[derive(Clone, Debug)]
pub struct Spill {
    pub(super) path: PathBuf,
    pub(super) confirm_within: Duration,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) wait_for_room: Duration,
}

/// A moment that is this far away can be computed.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

impl Spill {
    /// The spill in the SQLite file at `path`, which is made if there is none. It must be on a
    /// local disk that outlives the process.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            confirm_within: Duration::from_millis(500),
            rows: 100_000,
            bytes: 256 * 1024 * 1024,
            wait_for_room: Duration::ZERO,
        }
    }

    /// How long the broker may take to confirm an event before it goes to the disk, the wait for
    /// room in the producer's window included. Default 500 ms, at most a year.
    #[must_use]
    pub fn confirm_within(mut self, duration: Duration) -> Self {
        self.confirm_within = duration.min(LONGEST);
        self
    }

    /// How many events may wait. Default 100,000.
    #[must_use]
    pub fn rows(mut self, rows: u64) -> Self {
        self.rows = rows;
        self
    }

    /// How many bytes the waiting events may have together. Default 256 MiB. The file is larger:
    /// rows have a few columns more, and what was sent stays a moment.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// How long an event waits for room in a spill that is full before it is refused. Default:
    /// not at all; at most a year.
    #[must_use]
    pub fn wait_for_room(mut self, duration: Duration) -> Self {
        self.wait_for_room = duration.min(LONGEST);
        self
    }

    /// Opens the file, and begins to publish what is in it. The broker need not be there.
    ///
    /// # Errors
    ///
    /// When somebody else uses the file, or it cannot be read and written.
    pub async fn open(self, producer: Producer) -> Result<SpillingProducer, OpenError> {
        SpillingProducer::open(self, producer).await
    }
}
