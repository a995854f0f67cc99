//! The payload types as JSON Schema, for who publishes from another language.

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::{UserDeleted, UserRegistered, UserUpdated};

/// The JSON Schema of every payload type, by the `dataschema` of its events.
#[must_use]
pub fn json_schemas() -> Vec<(&'static str, Value)> {
    vec![
        identified::<UserRegistered>("urn:fanfare:user.registered:1"),
        identified::<UserUpdated>("urn:fanfare:user.updated:1"),
        identified::<UserDeleted>("urn:fanfare:user.deleted:1"),
    ]
}

fn identified<P: JsonSchema>(urn: &'static str) -> (&'static str, Value) {
    let mut schema = schema_for!(P);
    schema.insert("$id".to_owned(), urn.into());
    (urn, schema.into())
}
