//! The payload types as JSON Schema, for who publishes from another language.

use schemars::schema_for;
use serde_json::Value;

use super::{UserDeleted, UserRegistered, UserUpdated};

/// The JSON Schema of every payload type, by the `dataschema` of its events.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("urn:fanfare:user.registered:1", schema_for!(UserRegistered).into()),
        ("urn:fanfare:user.updated:1", schema_for!(UserUpdated).into()),
        ("urn:fanfare:user.deleted:1", schema_for!(UserDeleted).into()),
    ]
}
