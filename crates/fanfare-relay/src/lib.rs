//! `fanfare-relay`: the relay of an outbox as a process, for services in any language.
//!
//! A service writes rows into the table `fanfare_outbox` of its own database, in its own
//! transactions; docs/OUTBOX.md says how. This process publishes them.

mod check;
mod database;
mod metrics;
mod relay;
mod settings;

pub use relay::Relay;
pub use settings::{DatabaseAddress, RelaySettings, TableMode};

use fanfare_process::{Program, catalogue};

/// The program as it introduces itself.
pub const PROGRAM: Program = Program {
    name: "fanfare-relay",
    about: "Publishes what a service wrote into the outbox in its own database.",
    variables: &[catalogue::outbox::GROUP, catalogue::broker::GROUP, catalogue::process::GROUP],
};
