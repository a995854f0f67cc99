//! `cargo xtask chaos`: builds the programs, then becomes the run, so that signals reach it.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use anyhow::Context;

#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// --seed N, --minutes M, --json FILE, --picture FILE, --out DIR; --help tells the rest
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// The run itself, and every program that it starts.
const PACKAGES: [&str; 5] = [
    "fanfare-chaos",
    "fanfare-cli",
    "fanfare-consumer-hubspot",
    "fanfare-consumer-sendgrid",
    "fanfare-consumer-webhook",
];

/// Ends with the exit code of the run: 0 when every invariant held.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(&cargo)
        .args(["build", "--bins"])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .stdin(Stdio::null())
        .status()
        .context("cargo cannot be run")?;
    if !built.success() {
        return Ok(ExitCode::FAILURE);
    }
    let error = Command::new(cargo)
        .args(["run", "--quiet", "--package", "fanfare-chaos", "--bin", "fanfare-chaos", "--"])
        .args(arguments.rest)
        .exec();
    Err(error).context("cargo cannot be run")
}
