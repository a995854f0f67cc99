//! Networks, as operators write them: `10.0.0.0/8,fd00::/8`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fanfare_process::settings::Setting;

/// All addresses that start with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first of them.
    address: IpAddr,
    /// How many bits they have in common.
    prefix: u8,
}

/// Networks that may be called although they are not public; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// Whether any of them holds `address`.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl FromIterator<Network> for Networks {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl Network {
    pub(super) const fn v4(address: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = address;
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// A network whose first address is zero after its first 32 bits.
    pub(super) const fn v6(start: [u16; 2], prefix: u8) -> Self {
        let address = Ipv6Addr::new(start[0], start[1], 0, 0, 0, 0, 0, 0);
        Self { address: IpAddr::V6(address), prefix }
    }

    /// Whether `address` is one of them; an IPv4 address may be written as an IPv6 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let prefix = u32::from(self.prefix);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                start_alike(ours.to_bits().into(), other.to_bits().into(), 32 - prefix)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                start_alike(ours.to_bits(), other.to_bits(), 128 - prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    fn parse_cidr(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok()?
            }
            Some(_) => return None,
            None => bits,
        };
        (prefix <= bits).then_some(Self { address, prefix })
    }

    fn first(&self) -> IpAddr {
        let prefix = u32::from(self.prefix);
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
                IpAddr::V4((address.to_bits() & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
                IpAddr::V6((address.to_bits() & mask).into())
            }
        }
    }
}

/// Whether two addresses differ in their last `rest` bits only.
fn start_alike(one: u128, other: u128, rest: u32) -> bool {
    (one ^ other).checked_shr(rest).unwrap_or(0) == 0
}

/// `ADDRESS/PREFIX`, or one address alone.
impl Setting for Network {
    fn parse(text: &str) -> Result<Self, String> {
        let network = Self::parse_cidr(text).ok_or("is not a network such as 10.0.0.0/8")?;
        // Whoever writes 10.1.2.3/8 means one machine, or a whole network; guessing wrong
        // would open too much.
        if network.address != network.first() {
            return Err(format!("has bits beyond its prefix of /{}", network.prefix));
        }
        if network.address != network.address.to_canonical() {
            return Err("is an IPv4 network written as an IPv6 one".to_owned());
        }
        Ok(network)
    }
}

impl Setting for Networks {
    fn parse(text: &str) -> Result<Self, String> {
        Vec::<Network>::parse(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_starts_like_it() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("192.168.1.128/25", "192.168.1.128", "192.168.1.127"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("::/0", "ffff::", "1.2.3.4"),
            ("fd00::/8", "fdff:ffff::1", "fc00::"),
            ("::1", "::1", "::2"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{inside} in {network:?}");
            assert!(!network.contains(outside.parse().unwrap()), "{outside} in {network:?}");
        }
    }

    #[test]
    fn a_list_holds_what_one_of_its_networks_holds() {
        let networks = Networks::parse("10.0.0.0/8, fd00::/8,").unwrap();
        assert!(networks.contain("10.0.0.1".parse().unwrap()));
        assert!(networks.contain("fd00::1".parse().unwrap()));
        assert!(!networks.contain("192.168.0.1".parse().unwrap()));
        assert!(!Networks::default().contain("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_could_be_meant_otherwise_is_refused() {
        for (text, why) in [
            ("10.1.2.3/8", "bits beyond its prefix of /8"),
            ("fd00::1/8", "bits beyond its prefix of /8"),
            ("1.2.3.4/0", "bits beyond its prefix of /0"),
            ("::ffff:10.0.0.0/104", "written as an IPv6 one"),
            ("10.0.0.0/33", "not a network"),
            ("::/129", "not a network"),
            ("10.0.0.0/", "not a network"),
            ("10.0.0.0/+8", "not a network"),
            ("10.0.0.0/8/8", "not a network"),
            ("10.0.0/8", "not a network"),
            ("010.0.0.0/8", "not a network"),
            ("localhost", "not a network"),
        ] {
            let problem = Network::parse(text).unwrap_err();
            assert!(problem.contains(why), "{text}: {problem}");
        }
        let problem = Networks::parse("10.0.0.0/8,10.0.0.1/8").unwrap_err();
        assert_eq!(problem, "has a number 2 that has bits beyond its prefix of /8");
    }
}
