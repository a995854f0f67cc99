//! Where a service's outbox is and how its relay treats it.

use crate::settings::{Group, Variable};

/// Read by `fanfare-relay`.
pub const GROUP: Group = Group {
    title: "Outbox",
    variables: &[OUTBOX_URL, OUTBOX_ALLOW_PLAINTEXT, OUTBOX_TABLE, OUTBOX_RETENTION],
};

/// The service's database.
pub const OUTBOX_URL: Variable = Variable::required(
    "FANFARE_OUTBOX_URL",
    "postgres://relay:PASSWORD@db/app?sslmode=verify-full",
    "The service's own database, in which the outbox is: postgres:// or sqlite:, as in \
     sqlite:///var/lib/app/app.db. Several relays share a PostgreSQL. Of several on one SQLite \
     file one works, and the others wait to take over.",
)
.secret();

/// Whether the password may cross a network in the clear.
pub const OUTBOX_ALLOW_PLAINTEXT: Variable = Variable::with_default(
    "FANFARE_OUTBOX_ALLOW_PLAINTEXT",
    "false",
    "Whether the connection to a PostgreSQL on another machine may be unencrypted. Say true only \
     where the network itself is private; else the URL asks for sslmode=verify-full.",
);

/// Whether the outbox's tables are created.
pub const OUTBOX_TABLE: Variable = Variable::with_default(
    "FANFARE_OUTBOX_TABLE",
    "create",
    "create | verify: create or upgrade the outbox's tables at the start, or only check that \
     they are there, for a database user who may not.",
);

/// How long rows stay after they were published.
pub const OUTBOX_RETENTION: Variable = Variable::with_default(
    "FANFARE_OUTBOX_RETENTION",
    "1h",
    "How long a row stays in the table after the broker confirmed it, to be looked at.",
);
