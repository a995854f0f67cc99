//! Ends what this process started when this process cannot: after a panic, a signal or kill -9.
//!
//! The keeper is a shell that reads from a pipe. The kernel closes the other end of the pipe
//! however this process ends; then the keeper kills what it was told about and removes the
//! folder. It runs in a process group of its own, so that Ctrl-C does not reach it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// `$1` is the folder. Waits up to five seconds for the killed to go, so that none of them
/// writes into the folder while it is removed.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
while read -r kind name; do
  case $kind in
    group) groups="$groups -$name" ;;
    container) containers="$containers $name" ;;
  esac
done
for container in $containers; do
  docker rm -f -v "$container" ||
    curl -fsS -X DELETE --unix-socket /var/run/docker.sock "http://localhost/containers/$container?force=1&v=1"
done
[ -z "$groups" ] || kill -9 $groups
tries=0
while [ -n "$groups" ] && kill -0 $groups && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
rm -rf "$1"
"#;

/// Removes a folder, and first ends what it was told about, when dropped or orphaned.
#[derive(Debug)]
pub(super) struct Keeper {
    shell: Child,
    /// `None` only while dropping.
    pipe: Option<ChildStdin>,
}

impl Keeper {
    pub(super) fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(folder)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            // A test runner that reads our output to its end must not wait for the keeper.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Has a process group killed at the end.
    pub(super) fn watch_group(&mut self, group: u32) -> io::Result<()> {
        self.tell(&format!("group {group}\n"))
    }

    /// Has a container removed at the end.
    pub(super) fn watch_container(&mut self, name: &str) -> io::Result<()> {
        self.tell(&format!("container {name}\n"))
    }

    fn tell(&mut self, line: &str) -> io::Result<()> {
        self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write_all(line.as_bytes())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pipe = None;
        if let Err(error) = self.shell.wait() {
            tracing::warn!(%error, "the keeper of a test broker cannot be waited for");
        }
    }
}
