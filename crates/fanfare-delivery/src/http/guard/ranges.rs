//! Which addresses are public: the special-purpose registries of IANA, and then some.

use std::net::IpAddr;

use super::networks::Network;

/// Special-purpose IPv4 (IANA registry, RFC 6890 and its successors).
const SPECIAL_V4: &[Network] = &[
    // This network; 0.0.0.0 itself reaches loopback.
    Network::v4([0, 0, 0, 0], 8),
    // Private use (RFC 1918), here and below.
    Network::v4([10, 0, 0, 0], 8),
    // Shared between a provider and its customers (RFC 6598); metadata of some clouds.
    Network::v4([100, 64, 0, 0], 10),
    // Loopback.
    Network::v4([127, 0, 0, 0], 8),
    // Azure's host of metadata and health probes: public by its number, not by its nature.
    Network::v4([168, 63, 129, 16], 32),
    // Link-local; metadata of most clouds.
    Network::v4([169, 254, 0, 0], 16),
    Network::v4([172, 16, 0, 0], 12),
    // Protocol assignments.
    Network::v4([192, 0, 0, 0], 24),
    // Documentation, with the two of the same length below (RFC 5737).
    Network::v4([192, 0, 2, 0], 24),
    // Relays of 6to4, which lead anywhere (RFC 7526).
    Network::v4([192, 88, 99, 0], 24),
    Network::v4([192, 168, 0, 0], 16),
    // Benchmarks between networks (RFC 2544).
    Network::v4([198, 18, 0, 0], 15),
    Network::v4([198, 51, 100, 0], 24),
    Network::v4([203, 0, 113, 0], 24),
    // Multicast.
    Network::v4([224, 0, 0, 0], 4),
    // Reserved, and broadcast at its end.
    Network::v4([240, 0, 0, 0], 4),
];

/// All that IANA has given out as global unicast IPv6. Outside of it are loopback, local and
/// link-local addresses, multicast, and IPv4 in the disguise of `::/96` and NAT64.
const GLOBAL_V6: Network = Network::v6([0x2000, 0], 3);

/// Special-purpose IPv6 inside of [`GLOBAL_V6`].
const SPECIAL_V6: &[Network] = &[
    // Protocol assignments: Teredo, which leads to any IPv4 address, benchmarks, ORCHID.
    Network::v6([0x2001, 0], 23),
    // Documentation (RFC 3849, RFC 9637).
    Network::v6([0x2001, 0x0db8], 32),
    Network::v6([0x3fff, 0], 20),
    // 6to4, which leads to any IPv4 address.
    Network::v6([0x2002, 0], 16),
];

/// Whether anybody on the internet means the same machine by `address` as we do.
///
/// An IPv4 address in the form of an IPv6 one (`::ffff:10.0.0.1`) is judged as what it is.
/// Addresses that only embed one, as NAT64 and 6to4 do, are not public, whatever they embed.
pub(super) fn is_public(address: IpAddr) -> bool {
    let is_in = |networks: &[Network]| networks.iter().any(|network| network.contains(address));
    match address.to_canonical() {
        IpAddr::V4(_) => !is_in(SPECIAL_V4),
        IpAddr::V6(_) => GLOBAL_V6.contains(address) && !is_in(SPECIAL_V6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First and last address of each range, and the public neighbours on both sides.
    const RANGES: &[(&str, &str, [Option<&str>; 2])] = &[
        ("0.0.0.0", "0.255.255.255", [None, Some("1.0.0.0")]),
        ("10.0.0.0", "10.255.255.255", [Some("9.255.255.255"), Some("11.0.0.0")]),
        ("100.64.0.0", "100.127.255.255", [Some("100.63.255.255"), Some("100.128.0.0")]),
        ("127.0.0.0", "127.255.255.255", [Some("126.255.255.255"), Some("128.0.0.0")]),
        ("168.63.129.16", "168.63.129.16", [Some("168.63.129.15"), Some("168.63.129.17")]),
        ("169.254.0.0", "169.254.255.255", [Some("169.253.255.255"), Some("169.255.0.0")]),
        ("172.16.0.0", "172.31.255.255", [Some("172.15.255.255"), Some("172.32.0.0")]),
        ("192.0.0.0", "192.0.0.255", [Some("191.255.255.255"), Some("192.0.1.0")]),
        ("192.0.2.0", "192.0.2.255", [Some("192.0.1.255"), Some("192.0.3.0")]),
        ("192.88.99.0", "192.88.99.255", [Some("192.88.98.255"), Some("192.88.100.0")]),
        ("192.168.0.0", "192.168.255.255", [Some("192.167.255.255"), Some("192.169.0.0")]),
        ("198.18.0.0", "198.19.255.255", [Some("198.17.255.255"), Some("198.20.0.0")]),
        ("198.51.100.0", "198.51.100.255", [Some("198.51.99.255"), Some("198.51.101.0")]),
        ("203.0.113.0", "203.0.113.255", [Some("203.0.112.255"), Some("203.0.114.0")]),
        ("224.0.0.0", "239.255.255.255", [Some("223.255.255.255"), None]),
        ("240.0.0.0", "255.255.255.255", [None, None]),
        // Unspecified, loopback, and IPv4 in its deprecated disguise: ::/96.
        ("::", "::255.255.255.255", [None, None]),
        // Translated and NAT64.
        ("::ffff:0:0:0", "::ffff:0:255.255.255.255", [None, None]),
        ("64:ff9b::", "64:ff9b::255.255.255.255", [None, None]),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", [None, None]),
        // To be discarded.
        ("100::", "100::ffff:ffff:ffff:ffff", [None, None]),
        // All that has not been given out before, and after, global unicast.
        ("::1:0:0:0", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [None, Some("2000::")]),
        (
            "4000::",
            "efff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            [Some("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), None],
        ),
        // Teredo, benchmarks, ORCHID and its successor, and what lies between them.
        (
            "2001::",
            "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
            [Some("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), None],
        ),
        ("2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
        ("2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
        ("2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", [None, Some("2001:200::")]),
        (
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            [Some("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff"), Some("2001:db9::")],
        ),
        (
            "2002::",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            [Some("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Some("2003::")],
        ),
        (
            "3fff::",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            [Some("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Some("3fff:1000::")],
        ),
        // Segment routing.
        ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
        // Unique local, link-local, site-local, multicast.
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [None, None]),
    ];

    fn judged(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    #[test]
    fn every_range_is_closed_from_its_first_address_to_its_last() {
        for (first, last, neighbours) in RANGES {
            assert!(!judged(first), "{first} is not public");
            assert!(!judged(last), "{last} is not public");
            for neighbour in neighbours.iter().flatten() {
                assert!(judged(neighbour), "{neighbour} is public");
            }
        }
    }

    #[test]
    fn an_ipv4_address_is_judged_alike_in_both_its_forms() {
        for (first, last, neighbours) in RANGES.iter().filter(|(first, ..)| !first.contains(':')) {
            assert!(!judged(&format!("::ffff:{first}")), "{first}");
            assert!(!judged(&format!("::ffff:{last}")), "{last}");
            for neighbour in neighbours.iter().flatten() {
                assert!(judged(&format!("::ffff:{neighbour}")), "{neighbour}");
            }
        }
    }

    #[test]
    fn places_that_attackers_like_are_not_public() {
        for address in [
            "127.0.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        ] {
            assert!(!judged(address), "{address}");
        }
        for address in ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111"] {
            assert!(judged(address), "{address}");
        }
    }
}
