//! What private nodes stand on: a folder of their own, and an `epmd` by which they are found.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::StartError;
use crate::system::{Keeper, Reaped};

/// Dropping it leaves no process and no folder; nodes on it are dropped before.
#[derive(Debug)]
pub(super) struct Ground {
    epmd: Reaped,
    // Dropped last: it removes the folder when nobody writes there any more.
    _keeper: Keeper,
    home: PathBuf,
}

impl Ground {
    /// Makes a folder that is removed at the end, and has `epmd` listen on a port.
    pub(super) fn new(epmd_port: u16) -> Result<Self, StartError> {
        let home = tempfile::Builder::new()
            .prefix("fanfare-broker-")
            .tempdir()
            .map_err(failed("making a folder for the node"))?;
        let mut keeper =
            Keeper::of_folder(home.path()).map_err(failed("starting the node's keeper"))?;
        // From here on the folder is the keeper's to remove.
        let home = home.keep();
        let mut epmd = Command::new("epmd");
        epmd.args(["-port", &epmd_port.to_string(), "-address", "127.0.0.1"]).current_dir(&home);
        let epmd = Reaped::spawn(&mut epmd, 0, Stdio::null, Stdio::null)
            .map_err(failed("starting the node's epmd"))?;
        keeper.watch_group(epmd.pid()).map_err(failed("telling the node's keeper"))?;
        Ok(Self { epmd, _keeper: keeper, home })
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The process group that ends with the ground.
    pub(super) fn group(&self) -> u32 {
        self.epmd.pid()
    }
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { what, source }
}
