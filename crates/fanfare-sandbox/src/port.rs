//! A TCP port that can be closed and opened again without anybody else taking it meanwhile.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How many connections the kernel queues before they are accepted.
const BACKLOG: u32 = 1024;

/// Starts serving a listener; the token asks the returned task to end.
type Serve = Box<dyn Fn(TcpListener, CancellationToken) -> JoinHandle<()> + Send + Sync>;

/// Serves one address while open, and keeps it reserved while closed.
///
/// A closed port refuses connections exactly as a stopped process does: the address is
/// bound, but nobody listens on it.
pub(crate) struct Port {
    address: SocketAddr,
    serve: Serve,
    door: Mutex<Door>,
}

enum Door {
    Open {
        stop: CancellationToken,
        serving: JoinHandle<()>,
    },
    Closed {
        reserved: TcpSocket,
    },
    /// Only while the door moves, or after moving it failed.
    Moving,
}

impl Port {
    /// Listens on `address` (port 0 picks a free one) and serves what arrives.
    pub(crate) fn open_at<S>(address: SocketAddr, serve: S) -> io::Result<Self>
    where
        S: Fn(TcpListener, CancellationToken) -> JoinHandle<()> + Send + Sync + 'static,
    {
        let listener = reserve(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let door = Mutex::new(start(&serve, listener));
        Ok(Self { address, serve: Box::new(serve), door })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops serving and waits until the listener is gone; new connections are refused.
    pub(crate) async fn close(&self) -> io::Result<()> {
        let mut door = self.door.lock().await;
        if let Door::Open { stop, serving } = &mut *door {
            stop.cancel();
            // A serving task that panicked has let go of its listener too.
            drop(serving.await);
            *door = Door::Moving;
            *door = Door::Closed { reserved: reserve(self.address)? };
        }
        Ok(())
    }

    /// Listens on the same address again.
    pub(crate) async fn open(&self) -> io::Result<()> {
        let mut door = self.door.lock().await;
        let reserved = match std::mem::replace(&mut *door, Door::Moving) {
            Door::Closed { reserved } => reserved,
            Door::Moving => reserve(self.address)?,
            open @ Door::Open { .. } => {
                *door = open;
                return Ok(());
            }
        };
        *door = start(&self.serve, reserved.listen(BACKLOG)?);
        Ok(())
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        if let Door::Open { stop, .. } = self.door.get_mut() {
            stop.cancel();
        }
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port").field("address", &self.address).finish_non_exhaustive()
    }
}

fn start<S>(serve: &S, listener: TcpListener) -> Door
where
    S: Fn(TcpListener, CancellationToken) -> JoinHandle<()> + ?Sized,
{
    let stop = CancellationToken::new();
    let serving = serve(listener, stop.clone());
    Door::Open { stop, serving }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the last opening may still be in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
