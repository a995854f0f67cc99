//! One process, from its start to its end.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::clock::now_ms;

/// What a process is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Publishes.
    Producer(u32),
    /// Delivers to the destination of this number.
    Consumer(usize),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// We killed it.
    Killed,
    /// We asked it to stop, and it ended with this code.
    Stopped(i32),
    /// We asked it to stop, and it had to be killed.
    Overdue,
    /// It ended, and nobody had asked it to.
    ByItself(Option<i32>),
}

/// What is written down about a process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Life {
    /// What for.
    pub role: Role,
    /// Its number.
    pub pid: u32,
    /// Its log.
    pub log: PathBuf,
    /// When it was started.
    pub began_ms: f64,
    /// When it was asked to stop, if it was.
    pub asked_ms: Option<f64>,
    /// When it had ended, and how.
    pub ended: Option<(f64, End)>,
}

/// A process that runs.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pub(super) life: Life,
}

impl Running {
    /// Starts `command`, whose log is `log`.
    pub(super) fn start(mut command: Command, role: Role, log: &Path) -> anyhow::Result<Self> {
        let file =
            File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
        let child = command
            // Ctrl-C is for this program, which then ends the others.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{:?} cannot be started", command.as_std().get_program()))?;
        let pid = child.id().context("a process that has just been started has an id")?;
        let life = Life {
            role,
            pid,
            log: log.to_owned(),
            began_ms: now_ms(),
            asked_ms: None,
            ended: None,
        };
        Ok(Self { child, life })
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.life.pid)?), signal)
            .with_context(|| format!("process {} takes no {signal}", self.life.pid))
    }

    /// Notices whether it has ended, which nobody has asked it to.
    pub(super) fn look(&mut self) -> bool {
        match self.child.try_wait() {
            Ok(Some(status)) => {
                self.life.ended = Some((now_ms(), End::ByItself(status.code())));
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    /// Kills it with signal 9; tells whether that is what it died of.
    pub(super) async fn kill(mut self) -> anyhow::Result<(Life, bool)> {
        // One that has ended by itself cannot be killed; its status tells.
        self.child.start_kill().ok();
        let status = self.child.wait().await.context("a process cannot be waited for")?;
        let is_ours = status.signal() == Some(Signal::SIGKILL as i32);
        let end = if is_ours { End::Killed } else { End::ByItself(status.code()) };
        self.life.ended = Some((now_ms(), end));
        Ok((self.life, is_ours))
    }

    /// Asks it to stop, waits, and kills it when `patience` is over.
    pub(super) async fn stop(mut self, patience: Duration) -> anyhow::Result<Life> {
        self.life.asked_ms = Some(now_ms());
        // The same holds here.
        self.signal(Signal::SIGTERM).ok();
        let end = match timeout(patience, self.child.wait()).await {
            Ok(status) => End::of_stopped(status.context("a process cannot be waited for")?),
            Err(_) => {
                self.child.kill().await.context("a process cannot be killed")?;
                End::Overdue
            }
        };
        self.life.ended = Some((now_ms(), end));
        Ok(self.life)
    }
}

impl End {
    fn of_stopped(status: ExitStatus) -> Self {
        status.code().map_or(Self::ByItself(None), Self::Stopped)
    }
}

impl Life {
    /// Whether it ran at that moment.
    pub fn runs_at(&self, at_ms: f64) -> bool {
        self.began_ms <= at_ms && self.ended.is_none_or(|(ended_ms, _)| at_ms <= ended_ms)
    }

    /// Until when it could act.
    pub fn until_ms(&self) -> f64 {
        self.ended.map_or(f64::INFINITY, |(ended_ms, _)| ended_ms)
    }
}
