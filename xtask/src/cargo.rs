//! Cargo, called by a program that cargo has started.

use std::env;
use std::process::{Command, Stdio};

/// In the root of the workspace, where no package chosen means all of them.
pub(crate) fn cargo(command: &str, release: bool) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.arg(command).args(release.then_some("--release"));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stdin(Stdio::null());
    // Cargo describes this very program to us; the tests are not part of it.
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            cargo.env_remove(name);
        }
    }
    cargo.env_remove("CARGO_MANIFEST_DIR");
    cargo
}
