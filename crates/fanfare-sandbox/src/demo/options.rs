//! What the demo is started with.

use std::path::{Path, PathBuf};

/// What the demo is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The broker, with a vhost in which nothing but the demo happens.
    pub amqp_url: String,
    /// The first part of every name on the broker.
    pub namespace: String,
    /// The built programs.
    pub programs: Programs,
    /// Where the programs' logs and the operator's audit log are written.
    pub folder: PathBuf,
    /// What is published.
    pub events: Events,
}

/// What is published.
#[derive(Clone, Debug)]
pub enum Events {
    /// So many registrations, of which some will not be welcome everywhere.
    Registrations(usize),
    /// The CloudEvents in a file, one JSON object a line.
    File(PathBuf),
}

/// Where the programs are that the demo starts.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `fanfare-consumer-hubspot`.
    pub hubspot: PathBuf,
    /// `fanfare-consumer-sendgrid`.
    pub sendgrid: PathBuf,
    /// `fanfare`, the operator's tool.
    pub operator: PathBuf,
}

impl Programs {
    /// All of them in one folder, as cargo puts them.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            hubspot: folder.join("fanfare-consumer-hubspot"),
            sendgrid: folder.join("fanfare-consumer-sendgrid"),
            operator: folder.join("fanfare"),
        }
    }
}
