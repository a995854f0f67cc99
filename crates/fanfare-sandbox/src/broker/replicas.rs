//! Where a cluster's queues have their leaders, and whether all replicas are there.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::cluster::BrokerCluster;
use super::error::NodeError;

/// A replicated queue or stream, as the cluster sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// The queue.
    pub queue: String,
    /// The node of its leader, as far as that is known.
    pub leader: Option<usize>,
    /// The nodes on which a replica runs, in ascending order.
    pub online: Vec<usize>,
    /// How many replicas there are to be.
    pub members: usize,
}

/// A line of `rabbitmqctl list_queues`.
#[derive(Deserialize)]
struct Row {
    name: String,
    leader: String,
    online: Vec<String>,
    members: Vec<String>,
}

/// Replicas start after the node that they are on, and catch up with what they missed.
const WHOLE_SECONDS: u64 = 90;

const POLL: Duration = Duration::from_millis(200);

impl BrokerCluster {
    /// All queues of a vhost, as a node that runs sees them; takes a second.
    pub async fn replicas(&self, vhost: &str) -> Result<Vec<Replicas>, NodeError> {
        let question = ["list_queues", "--vhost", vhost, "--formatter", "json"];
        let columns = ["name", "leader", "online", "members"];
        let answer = self.rabbitmqctl(&[&question[..], &columns[..]].concat()).await?;
        let rows: Vec<Row> = serde_json::from_str(&answer).map_err(|_| NodeError::Refused {
            operation: "tell of its replicas".to_owned(),
            answer,
        })?;
        let number = |node: &String| self.names().position(|name| name == node);
        let seen = |row: Row| {
            let mut online: Vec<_> = row.online.iter().filter_map(number).collect();
            online.sort_unstable();
            Replicas {
                leader: number(&row.leader),
                online,
                members: row.members.len(),
                queue: row.name,
            }
        };
        Ok(rows.into_iter().map(seen).collect())
    }

    /// The node of a queue's leader, once it has one.
    pub async fn leader_of(&self, vhost: &str, queue: &str) -> Result<usize, NodeError> {
        self.until("a leader of the queue", async |cluster| {
            let replicas = cluster.replicas(vhost).await?;
            let found = replicas.into_iter().find(|replicas| replicas.queue == queue);
            // A leader that is gone is named until another one says that it is it.
            Ok(found.and_then(|found| found.leader.filter(|node| found.online.contains(node))))
        })
        .await
    }

    /// Waits until every queue of a vhost has a leader, and a replica on each node that runs.
    pub async fn until_whole(&self, vhost: &str) -> Result<(), NodeError> {
        self.until("every replica of every queue", async |cluster| {
            let replicas = cluster.replicas(vhost).await?;
            let is_whole = |queue: &Replicas| {
                queue.leader.is_some_and(|leader| queue.online.contains(&leader))
                    && queue.online.len() == queue.members
                    && queue.members == cluster.size()
            };
            Ok(replicas.iter().all(is_whole).then_some(()))
        })
        .await
    }

    /// Looks until there is something to see; a node that comes back may not answer yet.
    async fn until<T>(
        &self,
        awaited: &'static str,
        look: impl AsyncFn(&Self) -> Result<Option<T>, NodeError>,
    ) -> Result<T, NodeError> {
        let deadline = Instant::now() + Duration::from_secs(WHOLE_SECONDS);
        loop {
            let seen = look(self).await;
            match seen {
                Ok(Some(seen)) => return Ok(seen),
                Err(error) if Instant::now() > deadline => return Err(error),
                Ok(None) if Instant::now() > deadline => {
                    return Err(NodeError::Deadline { awaited, seconds: WHOLE_SECONDS });
                }
                _ => sleep(POLL).await,
            }
        }
    }
}
