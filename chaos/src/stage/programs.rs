//! Where the built programs are.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::load::DESTINATIONS;

/// The programs that are started: the consumers, the operator's tool, and our own producer.
#[derive(Clone, Debug)]
pub struct Programs {
    consumers: PathBuf,
    own: PathBuf,
}

/// The operator's tool.
const OPERATOR: &str = "fanfare";
const PRODUCER: &str = "chaos-producer";

impl Programs {
    /// The consumers and the tool are in `folder`; what belongs to this program is beside it,
    /// and so are the others unless a folder is given.
    pub fn find(folder: Option<&Path>) -> anyhow::Result<Self> {
        let me = std::env::current_exe()?;
        let own = me.parent().unwrap_or(Path::new(".")).to_owned();
        let programs = Self { consumers: folder.unwrap_or(&own).to_owned(), own };
        let consumers = DESTINATIONS.iter().enumerate().map(|(n, _)| programs.consumer(n));
        for path in consumers.chain([programs.operator(), programs.producer()]) {
            ensure!(path.exists(), "{} is not built", path.display());
        }
        Ok(programs)
    }

    /// The consumer of a destination.
    pub fn consumer(&self, destination: usize) -> PathBuf {
        self.consumers.join(DESTINATIONS[destination].program)
    }

    /// `fanfare`
    pub fn operator(&self) -> PathBuf {
        self.consumers.join(OPERATOR)
    }

    /// The originating service.
    pub fn producer(&self) -> PathBuf {
        self.own.join(PRODUCER)
    }
}
