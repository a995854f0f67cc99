//! Ctrl-C and SIGTERM: whatever is under way is dropped, then what stands is ended in order.

use std::io;

use fanfare_process::shutdown;
use tokio_util::sync::CancellationToken;

/// Whether somebody asked the demo to stop.
#[derive(Debug)]
pub(super) struct Stop(CancellationToken);

/// The demo was asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("the demo was stopped")]
pub(super) struct Stopped;

impl Stop {
    /// Hears SIGINT and SIGTERM from now on.
    pub(super) fn on_signals() -> io::Result<Self> {
        let token = CancellationToken::new();
        drop(shutdown::on_signals(token.clone())?);
        Ok(Self(token))
    }

    /// Does `work`, or fails with [`Stopped`].
    pub(super) async fn or<T>(
        &self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => Err(Stopped.into()),
            done = work => done,
        }
    }
}
