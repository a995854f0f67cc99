//! Looking at the queues of destinations.

use std::collections::HashMap;
use std::num::NonZeroU16;

use fanfare_broker::topology::Level;
use fanfare_broker::{
    BrokerConfig, BrowseError, Browser, DestinationNames, FaultKind, InspectError, Inspector,
    Namespace, QueueDepth,
};
use time::OffsetDateTime;

use super::destinations::destinations;
pub use super::row::{DestinationStatus, NamespaceStatus};
use crate::management::{Management, ManagementConfig, ManagementError};
use crate::when;

/// Looks again and again over one connection.
#[derive(Debug)]
pub struct Gatherer {
    broker: BrokerConfig,
    namespace: Namespace,
    inspector: Inspector,
    management: Option<Management>,
    /// The first dead letter's time by queue, and how many there were when it was read.
    oldest: HashMap<String, (u64, Option<OffsetDateTime>)>,
}

/// A quorum queue puts what is returned behind whatever was returned before. A look at
/// one letter would move it to the end; a look that takes them all moves none.
const WHOLE_QUEUE: NonZeroU16 = NonZeroU16::new(50_000).expect("50,000 is not zero");

/// Why a status cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Queues.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// Dead letters.
    #[error(transparent)]
    Browse(#[from] BrowseError),
    /// The management API.
    #[error(transparent)]
    Management(#[from] ManagementError),
}

impl Gatherer {
    /// Connects to the broker.
    pub async fn connect(
        broker: &BrokerConfig,
        namespace: &Namespace,
        management: Option<&ManagementConfig>,
    ) -> Result<Self, StatusError> {
        Ok(Self {
            broker: broker.clone(),
            namespace: namespace.clone(),
            inspector: Inspector::connect(broker).await?,
            management: management.map(Management::new).transpose()?,
            oldest: HashMap::new(),
        })
    }

    /// Every destination of the namespace; `None` without the management API.
    pub async fn list(&self) -> Result<Option<Vec<DestinationNames>>, StatusError> {
        let Some(management) = &self.management else { return Ok(None) };
        let queues = management.queues().await?;
        let names = queues.iter().map(|queue| queue.name.as_str());
        Ok(Some(destinations(&self.namespace, names)))
    }

    /// How `destinations` stand now.
    pub async fn look(
        &mut self,
        destinations: &[DestinationNames],
    ) -> Result<NamespaceStatus, StatusError> {
        let in_flight = self.in_flight().await?;
        let mut rows = Vec::new();
        for names in destinations {
            let held = in_flight.as_ref().and_then(|held| held.get(names.queue()).copied());
            rows.push(self.look_at(names, held).await?);
        }
        let unrouted = self.inspector.depth(&self.namespace.unrouted()).await?;
        Ok(NamespaceStatus {
            destinations: rows,
            namespace: self.namespace.to_string(),
            unrouted: unrouted.map(|depth| depth.ready),
        })
    }

    /// Disconnects.
    pub async fn close(self) {
        self.inspector.close().await;
    }

    async fn look_at(
        &mut self,
        names: &DestinationNames,
        in_flight: Option<u64>,
    ) -> Result<DestinationStatus, StatusError> {
        let queue = self.inspector.depth(names.queue()).await?;
        let dead = self.inspector.depth(&names.dead()).await?;
        let (mut retrying, mut next_due_within_s) = (0, None);
        // Shortest first: the first level that is not empty is the next that is due.
        for level in Level::all().rev() {
            let depth = self.inspector.depth(&names.delay(level)).await?;
            let waiting = depth.map_or(0, |depth| depth.ready);
            if waiting > 0 {
                retrying += waiting;
                next_due_within_s.get_or_insert(level.time_to_live().as_secs());
            }
        }
        let dead_letters = dead.map_or(0, |depth| depth.ready);
        let oldest = self.oldest(&names.dead(), dead_letters).await?;
        let now = OffsetDateTime::now_utc();
        let QueueDepth { ready, consumers } =
            queue.unwrap_or(QueueDepth { ready: 0, consumers: 0 });
        Ok(DestinationStatus {
            destination: names.destination().to_owned(),
            exists: queue.is_some(),
            ready,
            in_flight,
            retrying,
            next_due_within_s,
            dead: dead_letters,
            oldest_dead_at: oldest.map(when::rfc3339),
            oldest_dead_age_s: oldest.map(|at| when::age(at, now).as_secs()),
            consumers,
        })
    }

    /// When the first dead letter in `queue` was given up; `None` where there are too many
    /// to look. Looking takes all of them out of everybody's reach for a moment, so it is
    /// done again only when their number has changed.
    async fn oldest(
        &mut self,
        queue: &str,
        dead: u64,
    ) -> Result<Option<OffsetDateTime>, StatusError> {
        match self.oldest.get(queue) {
            _ if dead == 0 || dead > WHOLE_QUEUE.get().into() => return Ok(None),
            Some((then, at)) if *then == dead => return Ok(*at),
            _ => {}
        }
        let mut browser = Browser::open_with(&self.broker, queue, WHOLE_QUEUE).await?;
        let first = browser.next().await;
        browser.close().await;
        let at = first?.and_then(|first| first.message.dead_at_ms()).and_then(when::from_epoch_ms);
        self.oldest.insert(queue.to_owned(), (dead, at));
        Ok(at)
    }

    async fn in_flight(&self) -> Result<Option<HashMap<String, u64>>, StatusError> {
        let Some(management) = &self.management else { return Ok(None) };
        let queues = management.queues().await?.into_iter();
        let held = queues.filter_map(|queue| Some((queue.name, queue.messages_unacknowledged?)));
        Ok(Some(held.collect()))
    }
}

impl StatusError {
    /// Whether the broker or its management API could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Inspect(InspectError::Unreachable(_))
            | Self::Browse(BrowseError::Unreachable(_) | BrowseError::Lost { .. }) => true,
            Self::Inspect(InspectError::Refused { source, .. })
            | Self::Browse(BrowseError::Refused { source, .. }) => source.kind() == FaultKind::Lost,
            Self::Management(error) => error.is_unreachable(),
        }
    }
}
