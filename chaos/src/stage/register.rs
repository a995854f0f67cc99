//! The processes that ran: what became of each, and that none outlives this program.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use fanfare_sandbox::leash::Leash;

use super::life::Life;

/// Every process that ran.
#[derive(Debug)]
pub struct Register {
    folder: PathBuf,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    leash: Leash,
    ended: Vec<Life>,
    started: usize,
}

impl Register {
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let leash = Leash::new().context("a shell cannot be started")?;
        let kept = Kept { leash, ended: Vec::new(), started: 0 };
        Ok(Self { folder: folder.to_owned(), kept: Mutex::new(kept) })
    }

    /// A log for the next process.
    pub(super) fn log(&self, what: &str) -> PathBuf {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.started += 1;
        self.folder.join(format!("{what}-{}.log", kept.started))
    }

    pub(super) fn started(&self, life: &Life) -> anyhow::Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.leash.hold(life.pid).context("the shell that ends the processes is gone")
    }

    pub(super) fn ended(&self, life: Life) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.ended.push(life);
    }

    /// All that have ended. Their numbers may be given to others now.
    pub fn close(&self) -> anyhow::Result<Vec<Life>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.leash.release().context("the shell that ends the processes is gone")?;
        Ok(std::mem::take(&mut kept.ended))
    }
}
