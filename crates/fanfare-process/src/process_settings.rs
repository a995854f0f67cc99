//! The settings of every process: its log, its admin address, its grace period.

use std::net::SocketAddr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::catalogue::process::{ADMIN_ADDR, LOG, LOG_FORMAT, SHUTDOWN_GRACE};
use crate::settings::Reader;

/// How a process logs, is watched and stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSettings {
    /// What is logged, as directives of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// How a log line looks; `None` is text on a terminal, else JSON.
    pub log_format: Option<LogFormat>,
    /// Where health and metrics are served; `None` is nowhere.
    pub admin_addr: Option<SocketAddr>,
    /// How long what is in flight may take to finish after a signal.
    pub shutdown_grace: Duration,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl ProcessSettings {
    /// Reads the variables of [`catalogue::process`](crate::catalogue::process).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let log = reader.or_default_with(&LOG, log_directives);
        let log_format = reader
            .optional_choice(&LOG_FORMAT, &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        let admin_addr = reader.optional(&ADMIN_ADDR);
        let shutdown_grace = reader.or_default(&SHUTDOWN_GRACE);
        Some(Self {
            log: log?,
            log_format: log_format?,
            admin_addr: admin_addr?,
            shutdown_grace: shutdown_grace?,
        })
    }
}

fn log_directives(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(why) => Err(format!("is not a level or a list of directives ({why})")),
    }
}
