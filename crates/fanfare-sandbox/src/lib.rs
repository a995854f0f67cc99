//! What development and tests need: a broker, mock APIs, a fault proxy.

/// A RabbitMQ broker, found or started.
pub mod broker;

/// Mock HubSpot, mock SendGrid and a sink, with faults on demand.
pub mod mock;

mod port;
