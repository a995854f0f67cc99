//! `cargo xtask chaos`: builds the programs, then becomes the run, so that signals reach it.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::planted;
use crate::test::build_programs;

#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Has a bug of chaos/planted take part, and ends with 0 when it is caught; comes first
    #[arg(long, value_name = "NAME")]
    planted: Option<String>,

    /// --seed N, --minutes M, --json FILE, --picture FILE, --out DIR; --help tells the rest
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

/// Ends with the exit code of the run: 0 when every invariant held.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    // All of them, as for the tests: a choice of packages would be built with other features.
    if !build_programs(false)?.success() {
        return Ok(ExitCode::FAILURE);
    }
    if let Some(name) = arguments.planted {
        return planted::run(&name, arguments.rest);
    }
    let program = env::current_exe()?.with_file_name("fanfare-chaos");
    let error = Command::new(&program).args(arguments.rest).exec();
    Err(error).with_context(|| format!("{} cannot be run", program.display()))
}
