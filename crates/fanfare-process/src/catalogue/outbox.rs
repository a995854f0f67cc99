//! Where a service's outbox is and how its relay treats it.

use crate::settings::{Group, Variable};

/// Read by `fanfare-relay`.
pub const GROUP: Group =
    Group { title: "Outbox", variables: &[OUTBOX_URL, OUTBOX_TABLE, OUTBOX_RETENTION] };

/// The service's database.
pub const OUTBOX_URL: Variable = Variable::required(
    "FANFARE_OUTBOX_URL",
    "sqlite:///var/lib/app/app.db",
    "The service's own database, in which the outbox is. Of several relays on one SQLite file one \
     works, and the others wait to take over.",
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
