//! Where signed webhooks go.

use crate::settings::{Group, Variable};

/// Read by `fanfare-consumer-webhook`.
pub const GROUP: Group =
    Group { title: "Signed webhook", variables: &[URL, SECRET, ALLOW_NETWORKS, BODY] };

/// The receiver.
pub const URL: Variable =
    Variable::required("WEBHOOK_URL", "https://receiver.example/events", "Where the webhooks go.");

/// The signing secret.
pub const SECRET: Variable = Variable::required(
    "WEBHOOK_SECRET",
    "whsec_…",
    "Secret that signs each webhook after Standard Webhooks. While rotating, the new and the old \
     one, separated by commas.",
)
.secret();

/// Exceptions of the address guard.
pub const ALLOW_NETWORKS: Variable = Variable::optional(
    "WEBHOOK_ALLOW_NETWORKS",
    "public addresses only",
    "10.1.0.0/16",
    "Networks that may be called although they are not public, as CIDRs separated by commas. The \
     guard keeps a foreign URL from reaching your own services.",
);

/// The shape of the body.
pub const BODY: Variable = Variable::with_default(
    "WEBHOOK_BODY",
    "cloudevents",
    "cloudevents | standard: the whole CloudEvent, or Standard Webhooks' type, timestamp and data.",
);
