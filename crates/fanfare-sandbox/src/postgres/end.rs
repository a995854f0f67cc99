//! How a PostgreSQL server ends, whether its test wants that or is killed itself.
//!
//! Each of its processes is a session of its own, so that no signal to a group reaches them
//! all. They are found as the children of the first one, which is stopped meanwhile so that it
//! starts no more of them.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::last_will::LastWill;

/// Kills the server `$1` and waits up to five seconds for all of it to be gone. A zombie that
/// nobody waits for is.
const KILL: &str = r#"
kill -STOP "$1" || exit 0
family=$1
for child in $(ps -A -o pid= -o ppid= | awk -v parent="$1" '$2 == parent { print $1 }'); do
  family="$family,$child"
done
kill -9 $(echo "$family" | tr , ' ')
tries=0
while ps -p "$family" -o stat= | grep -qv '^Z' && [ $tries -lt 50 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
"#;

/// `$1` is the folder. A killed server leaves a segment of shared memory, whose number stands
/// in the seventh line of what it writes about itself.
const END: &str = r#"
trap '' HUP INT TERM
while read -r line; do server=$line; done
[ "$server" = none ] || (set -- "$server"; KILL)
segment=$(sed -n '7s/.* //p' "$1/data/postmaster.pid") && ipcrm -m "$segment"
rm -rf "$1"
"#;

/// Ends the server and removes its folder when dropped or orphaned.
#[derive(Debug)]
pub(super) struct Keeper(LastWill);

impl Keeper {
    pub(super) fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut will = LastWill::new(&END.replace("KILL", KILL), [folder])?;
        will.add("none")?;
        Ok(Self(will))
    }

    /// Has the server with this process id ended.
    pub(super) fn watch(&mut self, server: u32) -> io::Result<()> {
        self.0.add(&server.to_string())
    }

    /// There is no server any more.
    pub(super) fn forget(&mut self) -> io::Result<()> {
        self.0.add("none")
    }
}

/// Kills a server with all its processes, with signal 9; returns when they are gone.
pub(super) fn kill(server: u32) -> io::Result<ExitStatus> {
    Command::new("sh")
        .args(["-c", KILL, "kill", &server.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
}
