//! How a process logs, is watched and stops.

use crate::settings::{Group, Variable};

/// Read by every program.
pub const GROUP: Group =
    Group { title: "Process", variables: &[LOG, LOG_FORMAT, ADMIN_ADDR, SHUTDOWN_GRACE] };

/// What is logged.
pub const LOG: Variable = Variable::with_default(
    "FANFARE_LOG",
    "info",
    "What is logged: a level (error, warn, info, debug, trace), or levels by module. The log goes \
     to stderr and never holds a payload or a secret.",
)
.example("info,fanfare_delivery=debug");

/// How a log line looks.
pub const LOG_FORMAT: Variable = Variable::optional(
    "FANFARE_LOG_FORMAT",
    "text on a terminal, else json",
    "json",
    "text | json: lines for people, or one JSON object a line for machines.",
);

/// Where health and metrics are served.
pub const ADMIN_ADDR: Variable = Variable::optional(
    "FANFARE_ADMIN_ADDR",
    "off",
    "127.0.0.1:9464",
    "Where /livez, /readyz and /metrics are served. They need no password, so bind them where only \
     your monitoring reaches them; port 0 picks a free port and logs it.",
);

/// How long a stopping process may take.
pub const SHUTDOWN_GRACE: Variable = Variable::with_default(
    "FANFARE_SHUTDOWN_GRACE",
    "25s",
    "How long what is in flight may take to finish after SIGTERM or SIGINT. Keep it below the time \
     after which your platform kills; Kubernetes gives 30s.",
);
