//! Where signed webhooks go.

use crate::settings::{Group, Variable};

/// Read by `fanfare-consumer-webhook`.
pub const GROUP: Group =
    Group { title: "Signed webhook", variables: &[URL, SECRET, ALLOW_NETWORKS, BODY] };

/// The receiver.
pub const URL: Variable = Variable::required(
    "WEBHOOK_URL",
    "https://receiver.example/events",
    "Where the webhooks go. Whoever receives them may put a token into the path or the query, so \
     it is never shown.",
)
.secret();

/// What signs.
pub const SECRET: Variable = Variable::required(
    "WEBHOOK_SECRET",
    "whsec_…",
    "What signs each webhook after Standard Webhooks: whsec_ and the base64 of 24 to 64 random \
     bytes (HMAC-SHA256), or whsk_ and that of a private key (Ed25519). While rotating, the new \
     and the old one, separated by commas: the receiver accepts either. WEBHOOK_SECRET_FILE is \
     read again when the file changes, without a restart.",
)
.secret();

/// Exceptions of the address guard.
pub const ALLOW_NETWORKS: Variable = Variable::optional(
    "WEBHOOK_ALLOW_NETWORKS",
    "public addresses only",
    "10.1.0.0/16",
    "Networks that may be called although they are not public, as CIDRs separated by commas. The \
     guard keeps a URL that comes from others from reaching your own services; a receiver on this \
     machine needs 127.0.0.0/8.",
);

/// The shape of the body.
pub const BODY: Variable = Variable::with_default(
    "WEBHOOK_BODY",
    "cloudevents",
    "cloudevents | standard: the whole CloudEvent, or Standard Webhooks' type, timestamp and data.",
);
