//! Ports for servers that want to be told theirs.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Ports that were free a moment ago; whoever finds one taken after all picks anew.
pub(crate) fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    // All are held until the last is picked, or the same one could be picked twice.
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}
