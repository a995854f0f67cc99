//! `cargo xtask bench`: builds with optimizations, then measures.

use std::env;
use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Passed on to the benchmark; `cargo xtask bench -- --help` lists what it takes
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Everything that is measured runs in processes of its own, built the same way.
const PACKAGES: [&str; 4] = ["-p", "fanfare-bench", "-p", "fanfare-sandbox"];

/// Ends with the exit code of the benchmark, which judges nothing by its figures.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(&cargo)
        .args(["build", "--release", "--bins"])
        .args(PACKAGES)
        .status()
        .context("cargo cannot be run")?;
    if !built.success() {
        return Ok(ExitCode::FAILURE);
    }
    let measured = Command::new(cargo)
        .args([
            "run",
            "--release",
            "--quiet",
            "-p",
            "fanfare-bench",
            "--bin",
            "fanfare-bench",
            "--",
        ])
        .args(arguments.rest)
        .stdin(Stdio::null())
        .status()
        .context("the benchmark cannot be run")?;
    Ok(if measured.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
