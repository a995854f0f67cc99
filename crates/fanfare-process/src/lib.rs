//! What every process does: settings, telemetry, health, signals.
//!
//! A binary's `main.rs` asks [`Program::start`] what its arguments mean, reads
//! its settings through a [`settings::Reader`], starts [`telemetry`], hears
//! [`shutdown`] signals and calls one library function.
#![warn(missing_docs)]

pub mod admin;
pub mod catalogue;
pub mod health;
pub mod settings;
pub mod shutdown;
pub mod telemetry;

mod broker_settings;
mod crypto;
mod process_settings;
mod startup;

pub use broker_settings::{BrokerSettings, TopologyMode};
pub use crypto::install_crypto_provider;
pub use process_settings::{LogFormat, ProcessSettings};
pub use startup::{Exit, Program, Start};
