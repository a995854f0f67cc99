//! Where the broker is and what belongs to us there.

use crate::settings::{Group, Variable};

/// Read by every program that talks to the broker.
pub const GROUP: Group = Group {
    title: "Broker",
    variables: &[
        AMQP_URL,
        AMQP_ALLOW_PLAINTEXT,
        AMQP_CA_FILE,
        AMQP_CERT_FILE,
        AMQP_KEY_FILE,
        NAMESPACE,
        TOPOLOGY,
    ],
};

/// Where the broker is.
pub const AMQP_URL: Variable = Variable::with_default(
    "FANFARE_AMQP_URL",
    "amqp://guest:guest@127.0.0.1:5672/%2f",
    "Where the broker is, with user, password and percent-encoded vhost. Of several nodes, all URLs \
     separated by commas: each process tries them in an order of its own. Use amqps:// to any other \
     machine.",
)
.example("amqps://fanfare:PASSWORD@broker.example:5671/%2f")
.secret();

/// Whether credentials may cross a network in the clear.
pub const AMQP_ALLOW_PLAINTEXT: Variable = Variable::with_default(
    "FANFARE_AMQP_ALLOW_PLAINTEXT",
    "false",
    "Whether plain amqp:// may leave this machine. Password and events then cross the network in \
     the clear, so say true only where the network itself is private.",
);

/// Certificates to trust.
pub const AMQP_CA_FILE: Variable = Variable::optional(
    "FANFARE_AMQP_CA_FILE",
    "the system's certificates are trusted",
    "/run/secrets/ca.pem",
    "PEM certificates to trust instead of the system's, for a broker with a private CA.",
);

/// The client certificate.
pub const AMQP_CERT_FILE: Variable = Variable::optional(
    "FANFARE_AMQP_CERT_FILE",
    "the user and password of the URL are used",
    "/run/secrets/client.pem",
    "PEM client certificate chain, leaf first. The broker then authenticates by EXTERNAL.",
);

/// The client certificate's key.
pub const AMQP_KEY_FILE: Variable = Variable::optional(
    "FANFARE_AMQP_KEY_FILE",
    "there is no client certificate",
    "/run/secrets/client-key.pem",
    "PEM private key of the client certificate; the two are set together.",
);

/// The first part of every name at the broker.
pub const NAMESPACE: Variable = Variable::with_default(
    "FANFARE_NAMESPACE",
    "fanfare",
    "First part of every exchange and queue name, so that several systems can share a vhost. \
     Producer, consumers and tools must agree on it.",
);

/// Whether exchanges and queues are created.
pub const TOPOLOGY: Variable = Variable::with_default(
    "FANFARE_TOPOLOGY",
    "declare",
    "declare | verify: create missing exchanges and queues at the start, or only check that they \
     are there, for a broker user without the right to configure.",
);
