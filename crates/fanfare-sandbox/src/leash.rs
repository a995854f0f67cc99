//! Ends the programs that a process started when it cannot itself: after a panic or kill -9.

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
pub struct Leash(LastWill);

impl Leash {
    /// Holds nothing yet.
    pub fn new() -> io::Result<Self> {
        LastWill::new(SCRIPT, NO_ARGUMENTS).map(Self)
    }

    /// Ends this process too, unless it is released.
    pub fn hold(&mut self, pid: u32) -> io::Result<()> {
        self.0.add(&format!("hold {pid}"))
    }

    /// All programs have ended; their numbers may be given to others now.
    pub fn release(&mut self) -> io::Result<()> {
        self.0.add("release")
    }
}
