//! A process that holds a server until it is killed, for tests of what is left of the server then.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

/// The line in which the process says where its server is.
const HOLDING: &str = "holding ";

/// Starts the ignored test `name` of this program, which is to [`hold`] a server. Returns the
/// process with the id and the folder of the server.
pub(crate) fn start<Id: FromStr>(name: &str) -> (Child, Id, PathBuf) {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let held =
        lines.map(Result::unwrap).find_map(|line| line.strip_prefix(HOLDING).map(String::from));
    let held = held.expect("the holder says where its server is");
    let (pid, home) = held.split_once(' ').unwrap();
    let pid = pid.parse().ok().expect("a process has a number");
    (holder, pid, home.into())
}

/// Says where the server is, and never returns.
pub(crate) async fn hold(server: u32, home: &Path) {
    println!("\n{HOLDING}{server} {}", home.display());
    std::future::pending().await
}
