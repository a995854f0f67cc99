//! The address guard: a URL that comes from others must not lead to our own machines.
//!
//! An address is judged where it is dialled: a literal one before the call, a name's in the
//! client's own resolver. What was judged is what is dialled, so an answer of the DNS that
//! changes in between changes nothing.

mod networks;
mod ranges;

use std::net::{IpAddr, SocketAddr, UdpSocket};

use tracing::{debug, warn};
use url::{Host, Url};

pub use networks::{Network, Networks};

/// Lets calls to public addresses through, and to those that an operator has allowed.
#[derive(Clone, Debug)]
pub(crate) struct AddressGuard {
    allowed: Networks,
}

/// No address of the host may be called. Which those are stands in the log only: whoever
/// chose the URL could learn from it what our network looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host has no address that may be called")]
pub(crate) struct Blocked;

impl AddressGuard {
    pub(crate) const fn new(allowed: Networks) -> Self {
        Self { allowed }
    }

    /// Judges a host that is an address already; a name is judged when it is resolved.
    ///
    /// The URL must be parsed: `2130706433`, `0x7f.1` and `127.1` are all 127.0.0.1, and only
    /// a parser that the client shares says so reliably.
    pub(crate) fn admit(&self, url: &Url) -> Result<(), Blocked> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Blocked),
        };
        if self.allows(address) {
            return Ok(());
        }
        warn!(%address, "The address guard keeps a call from an address that is not public");
        Err(Blocked)
    }

    /// Those of a name's addresses that may be dialled.
    pub(crate) fn admitted(
        &self,
        name: &str,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Blocked> {
        let (admitted, refused): (Vec<_>, Vec<_>) =
            addresses.into_iter().partition(|address| self.allows(address.ip()));
        if admitted.is_empty() {
            warn!(name, ?refused, "The address guard keeps a call from a name that is not public");
            return Err(Blocked);
        }
        if !refused.is_empty() {
            debug!(name, ?refused, "The address guard drops some addresses of a name");
        }
        Ok(admitted)
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed.contain(address) || (ranges::is_public(address) && !is_this_machine(address))
    }
}

/// Whether the machine itself has `address`, public as it may be: its own services, ours
/// among them, often trust whoever comes from here.
///
/// A machine talks to its own address from that same address; the kernel says so when a UDP
/// socket is connected, and nothing is sent.
fn is_this_machine(address: IpAddr) -> bool {
    /// Any port will do, since nothing is sent.
    const DISCARD: u16 = 9;
    let from_anywhere = match address {
        IpAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        IpAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
    };
    let dialled_from = UdpSocket::bind(from_anywhere).and_then(|socket| {
        socket.connect((address, DISCARD))?;
        socket.local_addr()
    });
    // Where no socket can be connected, no call will be either.
    dialled_from.is_ok_and(|from| from.ip() == address)
}

#[cfg(test)]
mod tests {
    use fanfare_process::settings::Setting;

    use super::*;

    fn guard(allowed: &str) -> AddressGuard {
        AddressGuard::new(Networks::parse(allowed).unwrap())
    }

    fn admits(guard: &AddressGuard, host: &str) -> bool {
        guard.admit(&format!("https://{host}/events").parse().unwrap()).is_ok()
    }

    #[test]
    fn a_literal_address_is_judged_in_every_spelling() {
        let spellings = [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0x7F.1",
            "017700000001",
            "0177.0.0.1",
            "0177.0x0.0.01",
            "１２７.０.０.１",
            "①②⑦.⓪.⓪.①",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[0:0:0:0:0:ffff:7f00:0001]",
            "[::127.0.0.1]",
            "[::1]",
            "0",
            "0.0.0.0",
            "[::]",
        ];
        for host in spellings {
            assert!(!admits(&guard(""), host), "{host}");
        }
        // A proof that it was the address, and not its spelling, that was refused.
        let open = guard("127.0.0.1,0.0.0.0,::1,::,::127.0.0.1");
        for host in spellings {
            assert!(admits(&open, host), "{host}");
        }
        assert!(admits(&guard(""), "1.1.1.1"));
        assert!(admits(&guard(""), "[2606:4700:4700::1111]"));
    }

    #[test]
    fn what_is_no_host_at_all_is_refused() {
        assert_eq!(guard("0.0.0.0/0").admit(&"data:text/plain,x".parse().unwrap()), Err(Blocked));
        for wrong in ["https://[fe80::1%25eth0]/", "https://127.0.0.1.1/", "https://0x100000000/"] {
            assert!(wrong.parse::<Url>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_mixed_addresses_the_public_ones_remain() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            list.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect()
        };
        let mixed = addresses(&["10.0.0.1", "1.1.1.1", "::1", "2606:4700:4700::1111", "fd00::1"]);
        let public = addresses(&["1.1.1.1", "2606:4700:4700::1111"]);
        assert_eq!(guard("").admitted("mixed.example", mixed.clone()), Ok(public));
        assert_eq!(guard("0.0.0.0/0,::/0").admitted("mixed.example", mixed.clone()), Ok(mixed));
        for none in [addresses(&["10.0.0.1", "::ffff:127.0.0.1"]), Vec::new()] {
            assert_eq!(guard("").admitted("inside.example", none), Err(Blocked));
        }
    }

    #[test]
    fn this_machine_knows_its_own_addresses() {
        assert!(is_this_machine(IpAddr::from([127, 0, 0, 1])));
        assert!(!is_this_machine(IpAddr::from([192, 0, 2, 1])));
        // The address from which it talks to others, where it has a network at all.
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        if socket.connect("192.0.2.1:9").is_ok() {
            assert!(is_this_machine(socket.local_addr().unwrap().ip()));
        }
    }

    #[test]
    fn a_refusal_says_nothing_about_what_was_refused() {
        let refused = guard("").admitted("inside.example", vec![([10, 1, 2, 3], 443).into()]);
        let words = refused.unwrap_err().to_string();
        assert!(!words.contains("10.1"), "{words}");
    }
}
