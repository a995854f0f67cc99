//! The ways in which an event is handed over to Fanfare.

use fanfare_broker::BrokerConfig;
use fanfare_producer::{Producer, ProducerConfig};

use super::event::{Name, event};
use super::journal::Said;

/// A way in: hands over one event at a time, many at once, and says what became of it.
pub trait WayIn {
    /// Hands the event of this name over.
    fn hand_over(&self, name: Name) -> impl Future<Output = Said>;
    /// Lets what is under way come to its end.
    fn close(self) -> impl Future<Output = ()>;
}

/// Publishing with a confirm each.
#[derive(Debug)]
pub struct Direct(Producer);

impl Direct {
    /// Connects.
    pub fn connect(broker: BrokerConfig, namespace: &str, name: &str) -> anyhow::Result<Self> {
        Ok(Self(producer(broker, namespace, name)?))
    }
}

impl WayIn for Direct {
    async fn hand_over(&self, name: Name) -> Said {
        match self.0.publish(&event(name)).await {
            Ok(receipt) => Said::Confirmed { routed: receipt.routed },
            Err(_) => Said::Failed,
        }
    }

    async fn close(self) {
        self.0.close().await;
    }
}

/// What consumers bind to is there already.
pub(super) fn producer(
    broker: BrokerConfig,
    namespace: &str,
    name: &str,
) -> anyhow::Result<Producer> {
    let config = ProducerConfig::with_broker(broker, namespace)?;
    Ok(Producer::start(config.name(name).without_declaring()))
}
