//! How events travel: the only room that knows RabbitMQ.
#![warn(missing_docs)]

mod config;

pub use config::{BrokerAddress, BrokerConfig, BrokerUrlError, ClientIdentity, TlsConfig};
