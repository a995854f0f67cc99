//! A TCP proxy that breaks connections on demand, and counts what it broke.
//!
//! [`FaultProxy`] sits between a process and a broker or an API; [`run`] serves the same thing
//! on a listener, with faults that stay as they are.

mod board;
mod counts;
mod faults;
mod handle;
mod pump;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use counts::Counts;
pub use faults::{AMQP_ACK, Direction, Faults};
pub use handle::{FaultProxy, WaitTimeout};

/// Forwards connections on `listener` to `to`, with these faults, until `shutdown`.
pub async fn run(
    listener: TcpListener,
    to: SocketAddr,
    faults: Faults,
    shutdown: CancellationToken,
) {
    let board = Arc::new(board::Board::new(faults));
    server::accept(listener, to, Arc::clone(&board), shutdown).await;
    board.connections.wait().await;
}
