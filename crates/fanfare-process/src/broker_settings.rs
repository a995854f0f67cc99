//! The settings of every program that talks to the broker.

use fanfare_broker::{BrokerConfig, ClientIdentity, Namespace, TlsConfig};

use crate::catalogue::broker::{
    AMQP_ALLOW_PLAINTEXT, AMQP_CA_FILE, AMQP_CERT_FILE, AMQP_KEY_FILE, AMQP_URL, NAMESPACE,
    TOPOLOGY,
};
use crate::settings::{Reader, Variable};

/// Where the broker is and what belongs to us there.
#[derive(Clone, Debug)]
pub struct BrokerSettings {
    /// How the broker is dialled.
    pub config: BrokerConfig,
    /// The first part of every name at the broker.
    pub namespace: Namespace,
    /// Whether exchanges and queues are created.
    pub topology: TopologyMode,
}

/// What happens at the start to exchanges and queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyMode {
    /// Create what is missing.
    Declare,
    /// Only check that it is there.
    Verify,
}

impl BrokerSettings {
    /// Reads the variables of [`catalogue::broker`](crate::catalogue::broker).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let allow_plaintext = reader.or_default(&AMQP_ALLOW_PLAINTEXT);
        // While it is unknown whether plain text is allowed, the URLs are still
        // checked for everything else.
        let config = reader.or_default_with(&AMQP_URL, |urls| {
            BrokerConfig::from_urls(urls, allow_plaintext.unwrap_or(true)).map(BrokerConfig::spread)
        });
        let tls = read_tls(reader);
        let namespace = reader.or_default_with(&NAMESPACE, namespace);
        let topology = reader.choice(
            &TOPOLOGY,
            &[("declare", TopologyMode::Declare), ("verify", TopologyMode::Verify)],
        );
        allow_plaintext?;
        Some(Self { config: config?.with_tls(tls?), namespace: namespace?, topology: topology? })
    }
}

fn read_tls(reader: &mut Reader<'_>) -> Option<TlsConfig> {
    let ca_pem = read_pem(reader, &AMQP_CA_FILE);
    let cert_pem = read_pem(reader, &AMQP_CERT_FILE);
    let key_pem = read_pem(reader, &AMQP_KEY_FILE);
    let identity = match (cert_pem?, key_pem?) {
        (Some(cert_pem), Some(key_pem)) => Some(ClientIdentity { cert_pem, key_pem }),
        (None, None) => None,
        (Some(_), None) => return missing(reader, &AMQP_KEY_FILE, &AMQP_CERT_FILE),
        (None, Some(_)) => return missing(reader, &AMQP_CERT_FILE, &AMQP_KEY_FILE),
    };
    Some(TlsConfig { ca_pem: ca_pem?, identity })
}

fn read_pem(reader: &mut Reader<'_>, variable: &Variable) -> Option<Option<Vec<u8>>> {
    let content = reader.file(variable)?;
    let is_pem = |bytes: &Vec<u8>| bytes.windows(10).any(|window| window == b"-----BEGIN");
    if content.as_ref().is_some_and(|bytes| !is_pem(bytes)) {
        reader.problem(variable, "names a file that holds no PEM block");
        return None;
    }
    Some(content)
}

fn missing<T>(reader: &mut Reader<'_>, missing: &Variable, present: &Variable) -> Option<T> {
    reader.problem(missing, format_args!("is not set although {} is", present.name));
    None
}

fn namespace(text: &str) -> Result<Namespace, &'static str> {
    Namespace::new(text)
        .map_err(|_| "is not a lower-case letter followed by at most 39 of a-z, 0-9 and `-`")
}
