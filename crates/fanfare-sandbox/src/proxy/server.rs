//! Accepts connections, connects onwards, and ends both together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::faults::Direction;
use super::pump::Pump;

/// Pause after the process ran out of descriptors; accepting again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a connection ended.
enum End {
    /// Both sides are done.
    Finished,
    /// One side broke off: the other is told so, by a reset.
    Broken(io::Error),
    /// A reset was asked for.
    Reset,
    /// The proxy stops.
    Stopped,
}

/// Accepts until `stop`, or until the listener is closed; connections go on until they end.
pub(crate) async fn accept(
    listener: TcpListener,
    to: SocketAddr,
    board: Arc<Board>,
    stop: CancellationToken,
) {
    accept_until(listener, to, board, stop.clone(), stop).await;
}

/// The same with two ends: of accepting, and of the connections.
pub(crate) async fn accept_until(
    listener: TcpListener,
    to: SocketAddr,
    board: Arc<Board>,
    refuse: CancellationToken,
    stop: CancellationToken,
) {
    while let Some(accepted) = refuse.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((client, _)) => {
                // Taken here: a reset asked for from now on includes this connection.
                let reset = board.reset_token();
                let connection = connect(client, to, Arc::clone(&board), reset, stop.clone());
                board.connections.spawn(connection);
            }
            Err(error) => {
                tracing::debug!(%error, "proxy cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connect(
    client: TcpStream,
    to: SocketAddr,
    board: Arc<Board>,
    reset: CancellationToken,
    stop: CancellationToken,
) {
    let counters = &board.counters;
    counters.open.fetch_add(1, Ordering::Relaxed);
    board.count(&counters.connections, 1);
    match TcpStream::connect(to).await {
        Ok(server) => carry(client, server, &board, reset, stop).await,
        Err(error) => {
            tracing::debug!(%error, %to, "proxy cannot reach its server");
            board.count(&counters.unreachable, 1);
            break_off(&client);
        }
    }
    counters.open.fetch_sub(1, Ordering::Relaxed);
    board.changed.notify_waiters();
}

async fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    board: &Board,
    reset: CancellationToken,
    stop: CancellationToken,
) {
    for stream in [&client, &server] {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection keeps Nagle's delay");
        }
    }
    let end = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let requests = Pump::new(Direction::Requests, board).run(client_read, server_write);
        let replies = Pump::new(Direction::Replies, board).run(server_read, client_write);
        tokio::select! {
            carried = async { tokio::try_join!(requests, replies) } => match carried {
                Ok(((), ())) => End::Finished,
                Err(error) => End::Broken(error),
            },
            () = reset.cancelled() => End::Reset,
            () = stop.cancelled() => End::Stopped,
        }
    };
    match end {
        End::Finished | End::Stopped => {}
        End::Broken(error) => {
            tracing::trace!(%error, "connection broke");
            break_off(&client);
            break_off(&server);
        }
        End::Reset => {
            board.count(&board.counters.resets, 1);
            break_off(&client);
            break_off(&server);
        }
    }
}

/// Makes the socket end with a reset when it is dropped.
fn break_off(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "connection closes without a reset");
    }
}
