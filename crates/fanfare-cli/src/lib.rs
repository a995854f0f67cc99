//! `fanfare`, the operator's tool: topology, status, publishing and dead letters.
//!
//! Two stages: [`arguments`] are what was typed; each command builds from them and
//! from [`settings`] what it works with. What a command does to the broker is a
//! function of its own ([`dlq::replay`], [`publish::publish`], [`control::publish`],
//! [`status::Gatherer`], [`topology::compare`]) that tests and other programs call as well.
#![warn(missing_docs)]

pub mod arguments;
pub mod audit;
pub mod control;
pub mod dlq;
pub mod management;
pub mod output;
pub mod publish;
pub mod settings;
pub mod status;
pub mod topology;

mod failure;
mod run;
mod session;
mod when;

pub use failure::Failure;
pub use run::run;
