//! Looking at the queues of destinations.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU16;

use fanfare_broker::control::ControlState;
use fanfare_broker::topology::Level;
use fanfare_broker::{
    BrokerConfig, BrowseError, Browser, DestinationNames, FaultKind, InspectError, Inspector,
    Namespace, Received,
};
use futures_util::future::join_all;
use time::OffsetDateTime;

use super::destinations::destinations;
use super::row::Seen;
pub use super::row::{DestinationStatus, NamespaceStatus, Unrouted};
use super::sight::Sight;
use crate::management::{Management, ManagementConfig, ManagementError, QueueSeen};
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
    /// Queues that may not be looked at. The broker logs each refusal as an error, so it
    /// is asked once.
    refused: HashSet<String>,
}

/// What the management API lists, by name.
type Listed = HashMap<String, QueueSeen>;

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
            refused: HashSet::new(),
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
        let listed = self.listed().await?;
        let listed = listed.as_ref();
        let logs = self.logs(destinations).await?;
        let mut rows = Vec::new();
        for (names, log) in destinations.iter().zip(&logs) {
            rows.push(self.look_at(names, listed, log.as_ref()).await?);
        }
        let unrouted = self.sight(&self.namespace.unrouted(), listed).await?;
        Ok(NamespaceStatus {
            destinations: rows,
            namespace: self.namespace.to_string(),
            unrouted: unrouted.into(),
        })
    }

    /// Disconnects.
    pub async fn close(self) {
        self.inspector.close().await;
    }

    async fn look_at(
        &mut self,
        names: &DestinationNames,
        listed: Option<&Listed>,
        log: Option<&ControlState>,
    ) -> Result<DestinationStatus, StatusError> {
        let queue = self.sight(names.queue(), listed).await?;
        let dead = self.sight(&names.dead(), listed).await?;
        let mut levels = Vec::new();
        for level in Level::all().rev() {
            let sight = self.sight(&names.delay(level), listed).await?;
            levels.push((level.time_to_live(), sight));
        }
        let held = listed.and_then(|listed| listed.get(names.queue())?.messages_unacknowledged);
        let oldest_dead = self.oldest(&names.dead(), dead.ready().unwrap_or(0)).await?;
        let destination = names.destination();
        let seen = Seen { destination, queue, dead, levels, in_flight: held, oldest_dead, log };
        Ok(DestinationStatus::of(&seen, OffsetDateTime::now_utc()))
    }

    /// What each control log tells; `None` where there is none, or it may not be read.
    async fn logs(
        &mut self,
        destinations: &[DestinationNames],
    ) -> Result<Vec<Option<ControlState>>, StatusError> {
        let names: Vec<_> = destinations.iter().map(DestinationNames::control).collect();
        // All at once: each takes a moment to see its end.
        let read = join_all(names.iter().map(async |queue| {
            if self.refused.contains(queue) {
                return Ok(None);
            }
            self.inspector.control(queue).await
        }));
        let mut logs = Vec::new();
        for (queue, log) in names.iter().zip(read.await) {
            logs.push(match log {
                Err(InspectError::Refused { .. }) => {
                    self.refused.insert(queue.clone());
                    None
                }
                log => log?,
            });
        }
        Ok(logs)
    }

    async fn sight(&mut self, queue: &str, listed: Option<&Listed>) -> Result<Sight, StatusError> {
        if !self.refused.contains(queue) {
            match self.inspector.depth(queue).await {
                Ok(Some(depth)) => return Ok(Sight::Depth(depth)),
                Ok(None) => return Ok(Sight::NoQueue),
                Err(InspectError::Refused { .. }) => self.refused.insert(queue.to_owned()),
                Err(error) => return Err(error.into()),
            };
        }
        Ok(listed.map_or(Sight::Hidden, |listed| Sight::of_listed(listed.get(queue))))
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
        let first = match first(&self.broker, queue).await {
            Err(BrowseError::Refused { source, .. }) if source.kind() != FaultKind::Lost => None,
            first => first?,
        };
        let at = first.and_then(|first| first.dead_at_ms()).and_then(when::from_epoch_ms);
        self.oldest.insert(queue.to_owned(), (dead, at));
        Ok(at)
    }

    async fn listed(&self) -> Result<Option<Listed>, StatusError> {
        let Some(management) = &self.management else { return Ok(None) };
        let queues = management.queues().await?.into_iter();
        Ok(Some(queues.map(|queue| (queue.name.clone(), queue)).collect()))
    }
}

async fn first(broker: &BrokerConfig, queue: &str) -> Result<Option<Received>, BrowseError> {
    let mut browser = Browser::open_with(broker, queue, WHOLE_QUEUE).await?;
    let first = browser.next().await;
    browser.close().await;
    Ok(first?.map(|browsed| browsed.message))
}

impl StatusError {
    /// Whether the broker or its management API could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Inspect(error) => error.is_unreachable(),
            Self::Browse(BrowseError::Unreachable(_) | BrowseError::Lost { .. }) => true,
            Self::Browse(BrowseError::Refused { source, .. }) => source.kind() == FaultKind::Lost,
            Self::Management(error) => error.is_unreachable(),
        }
    }
}
