//! How many messages wait, over a connection that comes back when the broker does.

use std::time::Duration;

use fanfare_broker::topology::Level;
use fanfare_broker::{BrokerConfig, InspectError, Inspector};
use tokio::time::timeout;

use crate::load::DESTINATIONS;
use crate::stage::Stage;

/// A way to look at queues.
#[derive(Debug)]
pub struct Queues {
    config: BrokerConfig,
    queues: Vec<String>,
    dead: Vec<String>,
    delays: Vec<String>,
    inspector: Option<Inspector>,
}

type Counts = [Option<u64>; 3];

/// A broker that boots accepts connections before it answers.
const PATIENCE: Duration = Duration::from_secs(2);

impl Queues {
    /// Looks at the queues of every destination.
    pub fn new(stage: &Stage) -> Self {
        let names: Vec<_> = (0..DESTINATIONS.len()).map(|index| stage.names(index)).collect();
        let delays = names.iter().flat_map(|names| Level::all().map(|level| names.delay(level)));
        Self {
            config: stage.config().clone(),
            queues: names.iter().map(|names| names.queue().to_owned()).collect(),
            dead: names.iter().map(fanfare_broker::DestinationNames::dead).collect(),
            delays: delays.collect(),
            inspector: None,
        }
    }

    /// Messages that wait for consumers, and dead letters, of each destination.
    pub async fn look(&mut self) -> (Counts, Counts) {
        let (queues, dead) = (self.queues.clone(), self.dead.clone());
        (self.counts(&queues).await, self.counts(&dead).await)
    }

    /// Messages of any destination that wait or are delayed; `None` while that cannot be told.
    pub async fn waiting(&mut self) -> Option<u64> {
        let queues: Vec<_> = self.queues.iter().chain(&self.delays).cloned().collect();
        let mut waiting = 0;
        for queue in queues {
            waiting += self.depth(&queue).await?;
        }
        Some(waiting)
    }

    /// Lets go of the connection.
    pub async fn close(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            inspector.close().await;
        }
    }

    async fn counts(&mut self, queues: &[String]) -> Counts {
        let mut counts = Counts::default();
        for (count, queue) in counts.iter_mut().zip(queues) {
            *count = self.depth(queue).await;
        }
        counts
    }

    async fn depth(&mut self, queue: &str) -> Option<u64> {
        let depth = timeout(PATIENCE, self.try_depth(queue)).await;
        if let Ok(Ok(depth)) = depth {
            return depth;
        }
        self.inspector = None;
        None
    }

    async fn try_depth(&mut self, queue: &str) -> Result<Option<u64>, InspectError> {
        let inspector = match &self.inspector {
            Some(inspector) => inspector,
            None => self.inspector.insert(Inspector::connect(&self.config).await?),
        };
        Ok(inspector.depth(queue).await?.map(|depth| depth.ready))
    }
}
