//! What development and tests need: a broker, mock APIs, a fault proxy, the demo.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`broker`] | a RabbitMQ broker, found or started |
//! | [`docker`] | a Docker engine, found or started |
//! | [`mock`] | mock HubSpot, mock SendGrid and a sink, with faults on demand |
//! | [`proxy`] | a TCP proxy that breaks connections on demand |
//! | [`redis`] | a Redis of one's own, to be killed and paused |
//! | [`postgres`] | a PostgreSQL of one's own, to be killed |
//! | [`explore`](mod@explore) | all states of a small system, for tests that leave nothing to chance |
//! | [`demo`] | the main job end to end, with a balance at its end |
//! | [`leash`] | ends the programs of a process that cannot do so itself |
//! | [`ready`] | waits for a consumer that was started as a program |
//! | [`command`] | the command line of `fanfare-sandbox` |
//! | [`healthcheck`](mod@healthcheck) | asks a URL whether its server is well |

pub mod broker;
pub mod command;
pub mod demo;
pub mod docker;
pub mod explore;
pub mod healthcheck;
#[cfg(test)]
mod holder;
mod last_will;
pub mod leash;
pub mod mock;
mod port;
pub mod postgres;
pub mod proxy;
pub mod ready;
pub mod redis;
mod system;
