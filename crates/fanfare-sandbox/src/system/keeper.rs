//! Ends what this process started when this process cannot: after a panic, a signal or kill -9.

use std::io;
use std::path::Path;

use crate::last_will::LastWill;

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
pub(crate) struct Keeper(LastWill);

impl Keeper {
    pub(crate) fn of_folder(folder: &Path) -> io::Result<Self> {
        LastWill::new(SCRIPT, [folder]).map(Self)
    }

    /// Has a process group killed at the end.
    pub(crate) fn watch_group(&mut self, group: u32) -> io::Result<()> {
        self.0.add(&format!("group {group}"))
    }

    /// Has a container removed at the end.
    pub(crate) fn watch_container(&mut self, name: &str) -> io::Result<()> {
        self.0.add(&format!("container {name}"))
    }
}
