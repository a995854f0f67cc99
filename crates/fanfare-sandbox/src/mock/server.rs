//! Accepts connections and keeps hold of each, so that it can be reset, held or closed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gate::{Cut, Gate};
use super::wire::{ResetSwitch, Wire};

/// Pause after the process ran out of descriptors; accepting again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then closes the listener and every connection, answered or not.
pub(crate) async fn serve(listener: TcpListener, gate: Arc<Gate>, stop: CancellationToken) {
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, Arc::clone(&gate), stop.clone()));
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "mock cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn serve_connection(stream: TcpStream, gate: Arc<Gate>, stop: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection keeps Nagle's delay");
    }
    let reset = ResetSwitch::default();
    let wire = Wire::new(stream, reset.clone());
    let service = service_fn(|request| {
        let (gate, reset) = (Arc::clone(&gate), reset.clone());
        async move {
            let answer = gate.answer(request).await;
            if matches!(answer, Err(Cut::Reset)) {
                reset.set();
            }
            answer
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(wire), service);
    if let Some(Err(error)) = stop.run_until_cancelled(connection).await {
        tracing::trace!(%error, "connection ended");
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}
