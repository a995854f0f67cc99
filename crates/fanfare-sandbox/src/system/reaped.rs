//! A child process that is never left behind.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A child that is killed and waited for when dropped, so that no zombie is left.
#[derive(Debug)]
pub(crate) struct Reaped(Child);

impl Reaped {
    /// Starts a process in a group: 0 for one of its own.
    pub(crate) fn spawn(
        command: &mut Command,
        group: u32,
        stdout: impl FnOnce() -> Stdio,
        stderr: impl FnOnce() -> Stdio,
    ) -> io::Result<Self> {
        command
            .process_group(i32::try_from(group).map_err(io::Error::other)?)
            .stdin(Stdio::null())
            .stdout(stdout())
            .stderr(stderr())
            .spawn()
            .map(Self)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// An error counts as ended: there is nothing left to wait for.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.pid()).map_err(io::Error::other)?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            tracing::warn!(%error, pid = self.pid(), "a process of a test's server cannot be ended");
        }
    }
}
