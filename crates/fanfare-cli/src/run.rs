//! From what was typed to an exit code.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use fanfare_process::Exit;
use fanfare_process::settings::Vars;
use fanfare_process::telemetry::{self, Chain};
use tokio_util::sync::CancellationToken;

use crate::arguments::{Cli, Command};
use crate::audit::Who;
use crate::failure::Failure;
use crate::output::Console;
use crate::session::Session;
use crate::{control, dlq, publish, settings, status, topology};

/// Does what `cli` asks for and says how it went.
///
/// `stop_on_signals` is called when a signal shall be heard from now on; before, a
/// signal may end the process as usual, since nothing has been changed.
pub async fn run(
    cli: Cli,
    vars: &dyn Vars,
    mut console: Console,
    stop_on_signals: fn() -> CancellationToken,
) -> Exit {
    let Cli { global, command } = cli;
    if let Command::Completions { shell } = &command {
        let done = completions(shell, &mut console);
        return ended(done.map_err(Failure::from));
    }
    let settings = match settings::read(&global, vars) {
        Ok(settings) => settings,
        Err(error) => return ended(Err(error.into())),
    };
    telemetry::init(&settings.process);
    let who = Who::of(global.actor);
    let mut session = Session { settings, console, who, stop_on_signals };
    let done = match command {
        Command::Topology(command) => topology::command(&mut session, command).await,
        Command::Status(arguments) => status::command(&mut session, arguments).await,
        Command::Pause(arguments) => control::pause(&mut session, &arguments).await,
        Command::Resume(arguments) => control::resume(&mut session, &arguments).await,
        Command::Publish(arguments) => publish::command(&mut session, arguments).await,
        Command::Dlq(command) => dlq::command(&mut session, command).await,
        Command::Completions { .. } => Ok(()),
    };
    let flushed = session.console.flush().map_err(Failure::from);
    ended(done.and(flushed))
}

fn completions(shell: &str, console: &mut Console) -> io::Result<()> {
    let shell = match shell {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        _ => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "fanfare", &mut script);
    console.line(String::from_utf8_lossy(&script))?;
    console.flush()
}

/// Every failure is said here, once, with all its causes.
fn ended(done: Result<(), Failure>) -> Exit {
    let Err(failure) = done else { return Exit::Done };
    if !failure.is_silent() {
        // Where nobody listens, the exit code still says it.
        writeln!(io::stderr(), "fanfare: {}", Chain(&failure)).ok();
    }
    failure.exit()
}
