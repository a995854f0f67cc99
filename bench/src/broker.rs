//! The broker of the benchmark, the events in it, and a Redis beside it.

use fanfare_broker::topology::{DestinationPlan, Topology, declare};
use fanfare_broker::{BrokerConfig, Inspector, Namespace};
use fanfare_events::{Event, EventBuilder, EventId};
use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::broker::{BrokerNode, Wishes};
use fanfare_sandbox::redis::RedisNode;

pub(crate) const NAMESPACE: &str = "bench";
pub(crate) const DESTINATION: &str = "sink";

/// A broker with one destination, and a Redis.
#[derive(Debug)]
pub(crate) struct Bench {
    node: BrokerNode,
    config: BrokerConfig,
    namespace: Namespace,
    producer: Producer,
    redis: RedisNode,
    pub(crate) version: String,
}

/// Of a whole event on the wire.
pub(crate) const BODY_BYTES: usize = 512;
/// Published before the next ones are made, so that memory stays flat.
const CHUNK: usize = 5_000;

impl Bench {
    pub(crate) async fn start(url: Option<String>) -> anyhow::Result<Self> {
        let node = match url {
            Some(url) => {
                BrokerNode::provision(&Wishes { url: Some(url), ..Wishes::default() }).await?
            }
            None => BrokerNode::private("").await?,
        };
        let version = node.version().await?;
        let config = BrokerConfig::from_urls(node.url(), false)?;
        let namespace = Namespace::new(NAMESPACE)?;
        let plan = DestinationPlan::new(&namespace, DESTINATION, &[])?;
        declare(&config, &Topology::of(&namespace, &[plan])).await?;
        let producer =
            Producer::connect(ProducerConfig::with_broker(config.clone(), NAMESPACE)?).await?;
        let redis = RedisNode::private().await?;
        Ok(Self { node, config, namespace, producer, redis, version })
    }

    pub(crate) fn url(&self) -> &str {
        self.node.url()
    }

    pub(crate) fn producer(&self) -> &Producer {
        &self.producer
    }

    /// For another producer like it.
    pub(crate) fn producer_config(&self) -> anyhow::Result<ProducerConfig> {
        Ok(ProducerConfig::with_broker(self.config.clone(), NAMESPACE)?)
    }

    pub(crate) fn redis_url(&self) -> &str {
        self.redis.url()
    }

    pub(crate) fn queue(&self) -> String {
        format!("{}.{DESTINATION}", self.namespace)
    }

    /// Puts `count` new events into the queue.
    pub(crate) async fn fill(&self, count: usize) -> anyhow::Result<()> {
        let mut left = count;
        while left > 0 {
            let chunk = left.min(CHUNK);
            let events = (0..chunk).map(|_| event()).collect::<anyhow::Result<Vec<_>>>()?;
            for receipt in self.producer.publish_all(&events).await {
                receipt?;
            }
            left -= chunk;
        }
        Ok(())
    }

    /// How many events wait in the queue.
    pub(crate) async fn ready(&self) -> anyhow::Result<u64> {
        let inspector = Inspector::connect(&self.config).await?;
        let depth = inspector.depth(&self.queue()).await?;
        inspector.close().await;
        Ok(depth.map_or(0, |depth| depth.ready))
    }

    /// Throws away what is left in the queue.
    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        self.node.rabbitmqctl(&["purge_queue", &self.queue()]).await?;
        Ok(())
    }
}

/// A new event of `subject`.
pub(crate) fn event_of(subject: &str) -> anyhow::Result<Event> {
    // What it takes of the room for the filler.
    Ok(builder(subject.len() + r#""subject":"","#.len()).subject(subject).build()?)
}

fn event() -> anyhow::Result<Event> {
    Ok(builder(0).build()?)
}

fn builder(taken: usize) -> EventBuilder {
    // So much that the whole event comes out at BODY_BYTES; a timestamp's digits vary.
    const AROUND_THE_FILLER: usize = 199;
    let filler = "x".repeat(BODY_BYTES - AROUND_THE_FILLER - taken);
    Event::builder("bench.happened", "/bench")
        .id(EventId::new_v7())
        .datacontenttype("application/json")
        .data(&serde_json::json!({ "filler": filler }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_size_that_the_report_names() {
        for event in [event().unwrap(), event_of("user-17").unwrap()] {
            let len = event.to_json().len();
            assert!(len.abs_diff(BODY_BYTES) <= 16, "{len}");
        }
    }
}
