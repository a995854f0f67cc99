//! The ways in which an event is handed over to Fanfare.

use fanfare_broker::BrokerConfig;
use fanfare_events::Event;
use fanfare_producer::{Producer, ProducerConfig};

use super::journal::Said;

/// A way in: hands over one event at a time, many at once, and says what became of it.
pub trait WayIn {
    /// Hands `event` over.
    fn hand_over(&self, event: &Event) -> impl Future<Output = Said>;
    /// Lets what is under way come to its end.
    fn close(self) -> impl Future<Output = ()>;
}

/// Publishing with a confirm each.
#[derive(Debug)]
pub struct Direct(Producer);

impl Direct {
    /// Connects; what consumers bind to is there already.
    pub fn connect(broker: BrokerConfig, namespace: &str, name: &str) -> anyhow::Result<Self> {
        let config = ProducerConfig::with_broker(broker, namespace)?;
        Ok(Self(Producer::start(config.name(name).without_declaring())))
    }
}

impl WayIn for Direct {
    async fn hand_over(&self, event: &Event) -> Said {
        match self.0.publish(event).await {
            Ok(receipt) => Said::Confirmed { routed: receipt.routed },
            Err(_) => Said::Failed,
        }
    }

    async fn close(self) {
        self.0.close().await;
    }
}
