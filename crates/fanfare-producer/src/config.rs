//! What a producer needs to know.

use std::time::Duration;

use fanfare_broker::{BrokerConfig, BrokerUrlError, InvalidName, Namespace, PublisherOptions};

/// Where and how a [`Producer`](crate::Producer) publishes.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    pub(crate) broker: BrokerConfig,
    pub(crate) namespace: Namespace,
    pub(crate) name: String,
    pub(crate) declares: bool,
    pub(crate) options: PublisherOptions,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The broker's URL.
    #[error(transparent)]
    Url(#[from] BrokerUrlError),
    /// The namespace.
    #[error(transparent)]
    Namespace(#[from] InvalidName),
}

const DEFAULT_NAMESPACE: &str = "fanfare";

impl ProducerConfig {
    /// Publishes to the broker at `urls`: one, or those of several nodes with commas between
    /// them, which each process tries in an order of its own.
    pub fn new(urls: &str) -> Result<Self, ConfigError> {
        Self::with_broker(BrokerConfig::from_urls(urls, false)?.spread(), DEFAULT_NAMESPACE)
    }

    /// Publishes to `broker` in `namespace`.
    pub fn with_broker(broker: BrokerConfig, namespace: &str) -> Result<Self, ConfigError> {
        Ok(Self::in_namespace(broker, Namespace::new(namespace)?))
    }

    /// The same, where the namespace is known to be one.
    pub fn in_namespace(broker: BrokerConfig, namespace: Namespace) -> Self {
        Self {
            broker,
            namespace,
            name: "fanfare producer".to_owned(),
            declares: true,
            options: PublisherOptions::default(),
        }
    }

    /// What operators see in the broker's list of connections.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Declares nothing: the exchange stands already, and the user may only publish.
    #[must_use]
    pub fn without_declaring(mut self) -> Self {
        self.declares = false;
        self
    }

    /// How long one publish is tried before it answers `Unconfirmed`. Default 60 s.
    #[must_use]
    pub fn give_up_after(mut self, duration: Duration) -> Self {
        self.options.give_up_after = duration;
        self
    }

    /// Events without a confirm at any time; further callers wait. Default 1000.
    #[must_use]
    pub fn window(mut self, events: usize) -> Self {
        self.options.window = events.max(1);
        self
    }
}
