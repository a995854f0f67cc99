//! Ends the programs of the demo when the demo itself cannot: after a panic or kill -9.
//!
//! A shell reads from a pipe whose other end the kernel closes however this process ends. It
//! runs in a process group of its own, so that Ctrl-C does not reach it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// Gives the programs five seconds to finish what is in flight.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
while read -r word pid; do
  case $word in
    hold) pids="$pids $pid" ;;
    release) pids= ;;
  esac
done
[ -n "$pids" ] || exit 0
kill -TERM $pids
tries=0
while kill -0 $pids && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -9 $pids
"#;

/// Holds programs until they are released, or ends them with this process.
#[derive(Debug)]
pub(super) struct Leash {
    shell: Child,
    /// `None` only while dropping.
    pipe: Option<std::process::ChildStdin>,
}

impl Leash {
    pub(super) fn new() -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    pub(super) fn hold(&mut self, pid: u32) -> io::Result<()> {
        self.tell(&format!("hold {pid}\n"))
    }

    /// All programs have ended; their numbers may be given to others now.
    pub(super) fn release(&mut self) -> io::Result<()> {
        self.tell("release\n")
    }

    fn tell(&mut self, line: &str) -> io::Result<()> {
        self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write_all(line.as_bytes())
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.pipe = None;
        if let Err(error) = self.shell.wait() {
            tracing::warn!(%error, "the leash of the demo's programs cannot be waited for");
        }
    }
}
