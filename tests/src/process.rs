//! Programs as operators start them: the built binaries, with an environment.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::wait::eventually;

/// A program that was started.
#[derive(Debug)]
pub struct RunningProgram {
    child: Child,
    log: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

/// What a program is started with.
#[derive(Clone, Debug, Default)]
pub struct ProgramSettings {
    /// Arguments.
    pub arguments: Vec<String>,
    /// The environment; nothing is inherited.
    pub variables: Vec<(String, String)>,
}

/// The path of a built program, next to the tests.
///
/// # Panics
///
/// When it is not built: `cargo xtask test` builds all of them first.
pub fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().expect("a test has a path");
    let folder = tests.ancestors().nth(2).expect("target/PROFILE/deps/it-HASH");
    let path = folder.join(name);
    assert!(path.exists(), "{} is not built; run `cargo build --workspace`", path.display());
    path
}

/// Runs a program to its end: its status, what it wrote to stdout, and to stderr.
pub async fn run_to_end(name: &str, settings: &ProgramSettings) -> (ExitStatus, String, String) {
    let output = Command::new(program(name))
        .args(&settings.arguments)
        .env_clear()
        .envs(settings.variables.iter().cloned())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(crate::wait::PATIENCE, output)
        .await
        .expect("it ends in time")
        .expect("a built program can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status, text(&output.stdout), text(&output.stderr))
}

impl ProgramSettings {
    /// Adds a variable.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
}

impl RunningProgram {
    /// Starts `name`. It is killed when this value is dropped.
    pub fn start(name: &str, settings: &ProgramSettings) -> Self {
        let mut child = Command::new(program(name))
            .args(&settings.arguments)
            .env_clear()
            .envs(settings.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("a built program can be started");
        let log = std::sync::Arc::<std::sync::Mutex<Vec<String>>>::default();
        let stderr = child.stderr.take().expect("stderr is piped");
        let lines = std::sync::Arc::clone(&log);
        tokio::spawn(async move {
            let mut stderr = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = stderr.next_line().await {
                lines.lock().expect("nobody panics with the log").push(line);
            }
        });
        Self { child, log }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// What it has written to stderr.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("nobody panics with the log").clone()
    }

    /// Waits until it has logged a line with `text`.
    pub async fn until_logged(&self, text: &str) {
        eventually(&format!("`{text}` in the log"), async || {
            self.log().iter().any(|line| line.contains(text)).then_some(())
        })
        .await;
    }

    /// Kills it with signal 9.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("a running program can be killed");
    }

    /// Sends a signal, by its number's name such as `SIGTERM`.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = i32::try_from(self.pid()).expect("a process id fits");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)
            .expect("our own child can be signalled");
    }

    /// Waits until it ends.
    pub async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let status = tokio::time::timeout(crate::wait::PATIENCE, self.child.wait())
            .await
            .expect("it ends in time")
            .expect("our own child can be waited for");
        let log = self.log();
        (status, log)
    }
}
