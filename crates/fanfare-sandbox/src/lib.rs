//! What development and tests need: a broker, mock APIs, a fault proxy.

/// A RabbitMQ broker, found or started.
pub mod broker;

/// The command line of `fanfare-sandbox`.
pub mod command;

/// Asks a URL whether its server is well.
pub mod healthcheck;

/// Mock HubSpot, mock SendGrid and a sink, with faults on demand.
pub mod mock;

mod port;

/// A TCP proxy that breaks connections on demand.
pub mod proxy;
