//! What only the operator's tool, `fanfare`, wants to know.

use crate::settings::{Group, Variable};

/// Read by `fanfare` besides the broker's variables.
pub const GROUP: Group = Group {
    title: "Operator's tool",
    variables: &[MANAGEMENT_URL, DESTINATIONS, AUDIT_LOG, NO_COLOR],
};

/// Where RabbitMQ's management API is.
pub const MANAGEMENT_URL: Variable = Variable::optional(
    "FANFARE_MANAGEMENT_URL",
    "what only it can tell is not looked at",
    "https://monitor:PASSWORD@broker.example:15671",
    "RabbitMQ's management API, with user and password, for what AMQP cannot tell: bindings, \
     messages in flight, the list of destinations, and queues that the user of FANFARE_AMQP_URL \
     may not look at. The user needs the tag `monitoring` or `management`.",
)
.secret();

/// The destinations that are meant when none is named.
pub const DESTINATIONS: Variable = Variable::optional(
    "FANFARE_DESTINATIONS",
    "they are named on the command line",
    "hubspot,sendgrid",
    "The destinations that `fanfare status` and `fanfare topology` mean when none is named, \
     separated by commas.",
);

/// Where changes are recorded.
pub const AUDIT_LOG: Variable = Variable::optional(
    "FANFARE_AUDIT_LOG",
    "fanfare/audit.ndjson in $XDG_STATE_HOME or ~/.local/state",
    "/var/log/fanfare/audit.ndjson",
    "The file that every change is recorded in, one JSON object a line.",
);

/// Whether colours are off.
pub const NO_COLOR: Variable = Variable::optional(
    "NO_COLOR",
    "colours are used on a terminal",
    "1",
    "Set to anything, colours are off.",
);
