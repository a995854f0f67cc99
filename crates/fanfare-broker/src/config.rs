//! Where the broker is and how it is reached.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

/// Everything that is needed to dial the broker.
#[derive(Clone, Debug)]
pub struct BrokerConfig {
    addresses: Arc<[BrokerAddress]>,
    tls: TlsConfig,
}

/// One node of the broker, with the credentials to use there.
///
/// Its `Debug` and `Display` never show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) vhost: String,
    /// Log in by client certificate instead of by password.
    pub(crate) external: bool,
}

/// What TLS connections trust and present.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// PEM certificates to trust besides the system's roots.
    pub ca_pem: Option<Vec<u8>>,
    /// The client certificate; with it the broker authenticates by `EXTERNAL`.
    pub identity: Option<ClientIdentity>,
}

/// A client certificate and its key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// PEM certificate chain, leaf first.
    pub cert_pem: Vec<u8>,
    /// PEM private key (PKCS#8, PKCS#1 or SEC1).
    pub key_pem: Vec<u8>,
}

/// Why a list of broker URLs cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BrokerUrlError {
    /// The list holds no URL.
    #[error("no broker URL given")]
    Empty,
    /// One URL does not parse; the URL is not repeated because it may hold a password.
    #[error("broker URL number {number} is not a URL: {why}")]
    Malformed {
        /// Position in the list, from 1.
        number: usize,
        /// What the parser said.
        why: String,
    },
    /// Neither `amqp://` nor `amqps://`.
    #[error("broker URL number {number} has the scheme `{scheme}`, expected `amqp` or `amqps`")]
    Scheme {
        /// Position in the list, from 1.
        number: usize,
        /// The scheme that was given.
        scheme: String,
    },
    /// The path has more than one segment or a broken percent-encoding. It is not
    /// repeated: an unencoded password can end up there.
    #[error(
        "broker URL number {number} has a path that is not one percent-encoded vhost such as `/%2f`; a `/` in a password is written `%2f`"
    )]
    Vhost {
        /// Position in the list, from 1.
        number: usize,
    },
    /// A query was given; nothing in it would be used.
    #[error(
        "broker URL number {number} has a query, which is not used; heartbeat and timeouts are fixed"
    )]
    Query {
        /// Position in the list, from 1.
        number: usize,
    },
    /// Credentials would cross a network in the clear.
    #[error(
        "broker URL number {number} is plain amqp:// to `{host}`, which is not loopback; use amqps://"
    )]
    Plaintext {
        /// Position in the list, from 1.
        number: usize,
        /// The host that was given.
        host: String,
    },
}

const AMQP_PORT: u16 = 5672;
const AMQPS_PORT: u16 = 5671;

impl BrokerConfig {
    /// Reads a comma-separated list of broker URLs, tried in turn.
    ///
    /// A missing user is `guest`/`guest`, a missing path or `/` is the vhost `/`.
    /// Plain `amqp://` to a host that is not loopback is refused unless
    /// `allow_plaintext` is set.
    pub fn from_urls(urls: &str, allow_plaintext: bool) -> Result<Self, BrokerUrlError> {
        let addresses = urls
            .split(',')
            .map(str::trim)
            .filter(|url| !url.is_empty())
            .enumerate()
            .map(|(index, url)| BrokerAddress::parse(index + 1, url, allow_plaintext))
            .collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(BrokerUrlError::Empty);
        }
        Ok(Self { addresses: addresses.into(), tls: TlsConfig::default() })
    }

    /// Trusts and presents what `tls` says on `amqps://` connections.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsConfig) -> Self {
        self.addresses = self
            .addresses
            .iter()
            .map(|address| BrokerAddress { external: tls.identity.is_some(), ..address.clone() })
            .collect();
        self.tls = tls;
        self
    }

    /// Has this process try the nodes in an order of its own, so that processes with the same
    /// list spread over the nodes, and over those that are left when one is lost.
    #[must_use]
    pub fn spread(mut self) -> Self {
        let mut addresses = self.addresses.to_vec();
        fastrand::shuffle(&mut addresses);
        self.addresses = addresses.into();
        self
    }

    /// The nodes, in the order in which they are tried.
    pub fn addresses(&self) -> &[BrokerAddress] {
        &self.addresses
    }

    pub(crate) fn tls(&self) -> &TlsConfig {
        &self.tls
    }
}

impl BrokerAddress {
    /// The host as it is dialled; an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The vhost's name, such as `/`; not percent-encoded.
    pub fn vhost(&self) -> &str {
        &self.vhost
    }

    fn parse(number: usize, url: &str, allow_plaintext: bool) -> Result<Self, BrokerUrlError> {
        let url = Url::parse(url)
            .map_err(|why| BrokerUrlError::Malformed { number, why: why.to_string() })?;
        let tls = match url.scheme() {
            "amqp" => false,
            "amqps" => true,
            other => return Err(BrokerUrlError::Scheme { number, scheme: other.to_owned() }),
        };
        if url.query().is_some() {
            return Err(BrokerUrlError::Query { number });
        }
        let host = host_of(&url)
            .ok_or_else(|| BrokerUrlError::Malformed { number, why: "it names no host".into() })?;
        if !tls && !allow_plaintext && !is_loopback(&host) {
            return Err(BrokerUrlError::Plaintext { number, host });
        }
        let malformed = |part| BrokerUrlError::Malformed {
            number,
            why: format!("its {part} is not percent-encoded UTF-8"),
        };
        let (user, password) = if url.username().is_empty() && url.password().is_none() {
            ("guest".to_owned(), "guest".to_owned())
        } else {
            (
                decoded(url.username()).ok_or_else(|| malformed("user name"))?,
                decoded(url.password().unwrap_or_default()).ok_or_else(|| malformed("password"))?,
            )
        };
        let default_port = if tls { AMQPS_PORT } else { AMQP_PORT };
        Ok(Self {
            tls,
            host,
            port: url.port().unwrap_or(default_port),
            user,
            password,
            vhost: vhost_of(&url).ok_or(BrokerUrlError::Vhost { number })?,
            external: false,
        })
    }
}

/// The host as it is dialled. `amqp` is not a special scheme for the URL
/// standard, so IPv4 literals arrive as names and IPv6 ones in brackets.
fn host_of(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain("") => None,
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn vhost_of(url: &Url) -> Option<String> {
    match url.path() {
        "" | "/" => Some("/".to_owned()),
        path => {
            let name = &path[1..];
            if name.contains('/') { None } else { decoded(name) }
        }
    }
}

/// Undoes percent-encoding; `None` when the result is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "amqps" } else { "amqp" };
        write!(f, "{scheme}://{}@{}:{} (vhost {})", self.user, self.host, self.port, self.vhost)
    }
}

impl fmt::Debug for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerAddress({self})")
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(urls: &str) -> BrokerAddress {
        BrokerConfig::from_urls(urls, false).unwrap().addresses()[0].clone()
    }

    #[test]
    fn a_bare_url_means_guest_and_the_root_vhost() {
        let address = only("amqp://127.0.0.1");
        assert_eq!(address.to_string(), "amqp://guest@127.0.0.1:5672 (vhost /)");
        assert_eq!(address.vhost(), "/");
        assert_eq!(only("amqp://localhost:5799/%2f").vhost(), "/");
        assert_eq!(only("amqp://[::1]:5799/a%2fb%20c").vhost(), "a/b c");
        assert_eq!(only("amqp://[::1]:5799").host(), "::1");
    }

    #[test]
    fn several_urls_are_kept_in_order() {
        let config = BrokerConfig::from_urls("amqps://a, amqps://b:1 ,", false).unwrap();
        let hosts: Vec<_> = config.addresses().iter().map(|a| (a.host(), a.port())).collect();
        assert_eq!(hosts, [("a", 5671), ("b", 1)]);
    }

    #[test]
    fn processes_with_the_same_list_begin_with_different_nodes() {
        let list = BrokerConfig::from_urls("amqps://a,amqps://b,amqps://c", false).unwrap();
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let spread = list.clone().spread();
            assert!(list.addresses().iter().all(|node| spread.addresses().contains(node)));
            first.insert(spread.addresses()[0].host().to_owned());
        }
        assert_eq!(first.len(), 3, "{first:?}");
    }

    #[test]
    fn a_password_is_decoded_and_never_shown() {
        let address = only("amqp://u:p%40ss@localhost");
        assert_eq!(address.password, "p@ss");
        assert!(!format!("{address:?} {address}").contains("p@ss"));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        let refused = |url| BrokerConfig::from_urls(url, false).unwrap_err();
        assert_eq!(refused(" , "), BrokerUrlError::Empty);
        assert!(matches!(refused("nonsense"), BrokerUrlError::Malformed { number: 1, .. }));
        assert!(matches!(refused("http://a"), BrokerUrlError::Scheme { .. }));
        assert!(matches!(refused("amqps://a/x/y"), BrokerUrlError::Vhost { .. }));
        assert!(matches!(refused("amqps://a?heartbeat=1"), BrokerUrlError::Query { .. }));
        assert!(matches!(
            refused("amqp://localhost,amqp://10.0.0.1"),
            BrokerUrlError::Plaintext { number: 2, .. }
        ));
        assert!(BrokerConfig::from_urls("amqp://10.0.0.1", true).is_ok());
    }
}
