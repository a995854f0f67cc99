//! SIGTERM and SIGINT, as a token that can be passed on.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::startup::Exit;
use crate::telemetry::Chain;

/// Runs a program until it ends by itself or has done so after SIGTERM or SIGINT.
///
/// `run` is handed the token that the first signal cancels. Where signals cannot be heard
/// nothing is run, since nothing could be finished in order.
pub async fn until_signalled<R: Future<Output = Exit>>(
    run: impl FnOnce(CancellationToken) -> R,
) -> Exit {
    let shutdown = CancellationToken::new();
    match on_signals(shutdown.clone()) {
        Ok(_hearing) => run(shutdown).await,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "Cannot hear signals");
            Exit::Failed
        }
    }
}

/// Cancels `shutdown` at the first SIGTERM or SIGINT; later ones are only logged.
///
/// Both signals are heard from the moment this returns. The task ends with the
/// runtime; dropping the handle changes nothing.
///
/// # Errors
///
/// When the operating system refuses a signal handler.
pub fn on_signals(shutdown: CancellationToken) -> io::Result<JoinHandle<()>> {
    let terminate = signal(SignalKind::terminate())?;
    let interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(hear(terminate, interrupt, shutdown)))
}

async fn hear(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    loop {
        let name = tokio::select! {
            Some(()) = terminate.recv() => "SIGTERM",
            Some(()) = interrupt.recv() => "SIGINT",
            else => return,
        };
        if shutdown.is_cancelled() {
            tracing::warn!(signal = name, "already stopping; SIGKILL stops at once");
        } else {
            tracing::info!(signal = name, "stopping");
            shutdown.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    fn signal_myself(signal: &str) {
        let me = std::process::id().to_string();
        assert!(Command::new("kill").args([signal, &me]).status().unwrap().success());
    }

    // One test, since signals reach every test of the process.
    #[tokio::test]
    async fn the_first_signal_cancels_and_the_second_does_not_kill() {
        for first in ["-TERM", "-INT"] {
            let shutdown = CancellationToken::new();
            let hearing = on_signals(shutdown.clone()).unwrap();
            let mut witness = signal(SignalKind::terminate()).unwrap();
            assert!(!shutdown.is_cancelled());
            signal_myself(first);
            timeout(Duration::from_secs(10), shutdown.cancelled()).await.expect("cancelled");
            signal_myself("-TERM");
            timeout(Duration::from_secs(10), witness.recv()).await.expect("SIGTERM seen");
            assert!(!hearing.is_finished());
            hearing.abort();
        }
    }
}
