//! Whether copies arrive.
//!
//! Where an exchange has lost its binding, the broker parks what is published there and
//! confirms it like any other. Nobody but the topology's owner may look at bindings, but
//! every operator may read the queue that is parked in.

use fanfare_broker::{BrokerConfig, BrowseError, Browser, FaultKind, InspectError};
use uuid::Uuid;

use super::scan::look;

/// The queue that is parked in, watched since before the first copy.
#[derive(Debug)]
pub(super) struct Parking<'a> {
    broker: &'a BrokerConfig,
    queue: &'a str,
    replay: String,
    /// `None` where the user may not look.
    depth: Option<u64>,
}

/// What to do with copies that were parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strays {
    /// Their dead letters are gone, so they are all that is left.
    Keep,
    /// Their dead letters are still there.
    Remove,
}

/// Why it cannot be known whether copies arrive.
#[derive(Debug, thiserror::Error)]
pub enum ParkingError {
    /// The queue cannot be looked at.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Something was parked, and it cannot be read what.
    #[error(transparent)]
    Browse(#[from] BrowseError),
}

impl<'a> Parking<'a> {
    /// Looks at `queue` before any copy of `replay` is made.
    pub(super) async fn watch(
        broker: &'a BrokerConfig,
        queue: &'a str,
        replay: Uuid,
    ) -> Result<Self, ParkingError> {
        let mut parking = Self { broker, queue, replay: replay.to_string(), depth: None };
        parking.depth = parking.look().await?;
        Ok(parking)
    }

    /// The queue.
    pub(super) fn queue(&self) -> &str {
        self.queue
    }

    /// Whether the user may look at it.
    pub(super) fn is_seen(&self) -> bool {
        self.depth.is_some()
    }

    /// How many copies of this replay were parked, if it has grown since the last look.
    pub(super) async fn strays(&mut self, what_then: Strays) -> Result<u64, ParkingError> {
        let before = self.depth;
        self.depth = self.look().await?;
        // Usually nothing is parked, so usually nothing has to be read.
        if self.depth <= before {
            return Ok(0);
        }
        let mut browser = Browser::open(self.broker, self.queue).await?;
        let counted = self.count(&mut browser, what_then).await;
        browser.close().await;
        counted
    }

    /// Reads to the end, so that nothing changes its place.
    async fn count(&self, browser: &mut Browser, what_then: Strays) -> Result<u64, ParkingError> {
        let mut strays = 0;
        while let Some(parked) = browser.next().await? {
            if parked.message.replay() != Some(&self.replay) {
                continue;
            }
            strays += 1;
            if what_then == Strays::Remove {
                browser.remove(parked).await?;
            }
        }
        Ok(strays)
    }

    async fn look(&self) -> Result<Option<u64>, ParkingError> {
        match look(self.broker, self.queue).await {
            // Without such a queue the broker returns what leads nowhere.
            Ok(depth) => Ok(Some(depth.map_or(0, |depth| depth.ready))),
            Err(InspectError::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl ParkingError {
    /// Whether the broker could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Inspect(error) => error.is_unreachable(),
            Self::Browse(BrowseError::Unreachable(_) | BrowseError::Lost { .. }) => true,
            Self::Browse(BrowseError::Refused { source, .. }) => source.kind() == FaultKind::Lost,
        }
    }
}
