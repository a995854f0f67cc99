//! What a command works with: the environment, with flags above it.
//!
//! The variables are read by the rules of every other program, so all problems are
//! reported together and `NAME_FILE` works here too.

mod management_url;
mod read;
mod vars;

use std::path::PathBuf;

use fanfare_broker::{BrokerConfig, Namespace};
use fanfare_process::{ProcessSettings, catalogue};

pub use read::read;

use crate::management::ManagementConfig;

/// What every command may need to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How the broker is dialled.
    pub broker: BrokerConfig,
    /// The first part of every name at the broker.
    pub namespace: Namespace,
    /// Whether publishing may declare the exchange that it needs.
    pub declares: bool,
    /// RabbitMQ's management API, when it may be asked.
    pub management: Option<ManagementConfig>,
    /// The destinations that are meant when none is named.
    pub destinations: Vec<String>,
    /// Where changes are recorded; `None` when no place is known.
    pub audit_log: Option<PathBuf>,
    /// The log of this process.
    pub process: ProcessSettings,
}

/// The variables, as `fanfare --help` lists them.
pub fn help() -> String {
    format!(
        "Variables; any NAME may be given as NAME_FILE instead, the path of a file with the value.\n{}",
        catalogue::help(&[catalogue::broker::GROUP, catalogue::operator::GROUP]).trim_end()
    )
}
