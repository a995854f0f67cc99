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
    /// All are in `folder`, or beside this program unless one is given. Our own producer may be
    /// missing in a folder of somebody else's.
    pub fn find(folder: Option<&Path>) -> anyhow::Result<Self> {
        let me = std::env::current_exe()?;
        let beside = me.parent().unwrap_or(Path::new("."));
        let consumers = folder.unwrap_or(beside);
        let own = if consumers.join(PRODUCER).exists() { consumers } else { beside };
        let programs = Self { consumers: consumers.to_owned(), own: own.to_owned() };
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
