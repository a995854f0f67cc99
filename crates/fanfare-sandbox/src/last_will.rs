//! Something that is done when this process ends, however it ends: a panic, a signal, kill -9.
//!
//! A shell reads from a pipe. The kernel closes the other end of the pipe however this process
//! ends; then the shell does the rest of its script. It runs in a process group of its own, so
//! that Ctrl-C does not reach it.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A script that reads lines, and acts when there are no more.
#[derive(Debug)]
pub(crate) struct LastWill {
    shell: Child,
    /// `None` only while dropping.
    pipe: Option<ChildStdin>,
}

impl LastWill {
    /// Starts `script`, whose `$1` and so on are `arguments`.
    pub(crate) fn new(
        script: &str,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", script, "last-will"])
            .args(arguments)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            // A test runner that reads our output to its end must not wait for the shell.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Has the script read `line`.
    pub(crate) fn add(&mut self, line: &str) -> io::Result<()> {
        let pipe = self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(format!("{line}\n").as_bytes())
    }
}

impl Drop for LastWill {
    /// Carries it out, and waits for it.
    fn drop(&mut self) {
        self.pipe = None;
        if let Err(error) = self.shell.wait() {
            tracing::warn!(%error, "what was to be done at the end cannot be waited for");
        }
    }
}
