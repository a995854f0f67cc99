//! How HubSpot is reached.

use crate::settings::{Group, Variable};

/// Read by `fanfare-consumer-hubspot`.
pub const GROUP: Group = Group {
    title: "HubSpot",
    variables: &[BASE_URL, ACCESS_TOKEN, UPSERT_PATH, BATCH_SIZE, BATCH_WAIT],
};

/// The API's address.
pub const BASE_URL: Variable = Variable::with_default(
    "HUBSPOT_BASE_URL",
    "https://api.hubapi.com",
    "Address of the API; another one for a mock or a proxy.",
);

/// The token.
pub const ACCESS_TOKEN: Variable = Variable::required(
    "HUBSPOT_ACCESS_TOKEN",
    "pat-eu1-…",
    "Access token of a private app with the scopes crm.objects.contacts.read and \
     crm.objects.contacts.write. Left out where FANFARE_HTTP_AUTH names another way.",
)
.secret();

/// Where contacts are upserted.
pub const UPSERT_PATH: Variable = Variable::with_default(
    "HUBSPOT_UPSERT_PATH",
    "/crm/v3/objects/contacts/batch/upsert",
    "Path of the batch upsert; HubSpot also offers it under dated versions.",
);

/// How many contacts share a call.
pub const BATCH_SIZE: Variable = Variable::with_default(
    "HUBSPOT_BATCH_SIZE",
    "100",
    "Contacts that one call writes at most, from 1 (a call for each) to 100 (HubSpot takes no more).",
);

/// How long they wait for each other.
pub const BATCH_WAIT: Variable = Variable::with_default(
    "HUBSPOT_BATCH_WAIT",
    "50ms",
    "How long the first contact of a call waits for others at most.",
);
