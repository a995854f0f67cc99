//! Ends the programs of the demo when the demo itself cannot: after a panic or kill -9.

use std::io;

use crate::last_will::LastWill;

const NO_ARGUMENTS: [&str; 0] = [];

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
pub(super) struct Leash(LastWill);

impl Leash {
    pub(super) fn new() -> io::Result<Self> {
        LastWill::new(SCRIPT, NO_ARGUMENTS).map(Self)
    }

    pub(super) fn hold(&mut self, pid: u32) -> io::Result<()> {
        self.0.add(&format!("hold {pid}"))
    }

    /// All programs have ended; their numbers may be given to others now.
    pub(super) fn release(&mut self) -> io::Result<()> {
        self.0.add("release")
    }
}
