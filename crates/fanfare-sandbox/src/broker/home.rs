//! The note in a node's folder that lets other processes find the node.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use url::Url;

use super::error::AttachError;
use super::local::LocalNode;

const FILE: &str = "node.json";

/// What another process must know to use the node.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Description {
    pub(super) url: Url,
    pub(super) place: Place,
}

/// Where the node runs.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Process(LocalNode),
    Container { name: String },
}

impl Description {
    pub(super) fn read(home: &Path) -> Result<Self, AttachError> {
        let no_description = |source| AttachError::NoDescription { home: home.to_owned(), source };
        let text = fs::read(home.join(FILE)).map_err(no_description)?;
        serde_json::from_slice(&text).map_err(|error| no_description(error.into()))
    }

    pub(super) fn write(&self, home: &Path) -> io::Result<()> {
        fs::write(home.join(FILE), serde_json::to_vec_pretty(self)?)
    }
}
