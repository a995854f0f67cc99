//! `fanfare`: the shell around the library.

use clap::Parser;
use clap::error::ErrorKind;
use fanfare_cli::arguments::Cli;
use fanfare_cli::output::Console;
use fanfare_process::settings::Environment;
use fanfare_process::{Exit, install_crypto_provider, shutdown};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return explained(&error),
    };
    install_crypto_provider();
    let console = Console::of_process(&Environment, cli.global.json);
    fanfare_cli::run(cli, &Environment, console, stop_on_signals).await
}

/// Help and version are answers, everything else is a refusal.
fn explained(error: &clap::Error) -> Exit {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // Where nobody reads, the exit code still says it.
    error.print().ok();
    if asked { Exit::Done } else { Exit::Settings }
}

/// Called only once something is being changed: until then a signal simply ends us.
fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    if let Err(error) = shutdown::on_signals(stop.clone()) {
        eprintln!("fanfare: signals end the program at once, since they cannot be heard: {error}");
    }
    stop
}
