//! What batches have in common, and the batch read that finds record ids by email.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::http_date::rfc3339_ms;
use super::super::locked;
use super::{HubSpot, error};

/// Inputs in one batch.
pub(super) const MAX_INPUTS: usize = 100;

/// One record, by its id or by the value of a unique property.
#[derive(Debug, Deserialize)]
pub(super) struct ObjectId {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchRead {
    inputs: Vec<ObjectId>,
    id_property: Option<String>,
    #[serde(default)]
    properties: HashSet<String>,
}

/// Contacts by record id, or by email with `"idProperty": "email"`.
///
/// Answers 207 when some were not found.
pub(super) async fn batch_read(State(hubspot): State<Arc<HubSpot>>, body: Bytes) -> Response {
    let request: BatchRead = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return error::unreadable(&error),
    };
    let ids = request.inputs.iter().map(|input| input.id.as_str());
    if let Err(refusal) = check_inputs(ids) {
        return *refusal;
    }
    let by_email = match request.id_property.as_deref() {
        None | Some("hs_object_id") => false,
        Some("email") => true,
        Some(other) => return not_unique(other),
    };
    let started = SystemTime::now();
    let contacts = locked(&hubspot.contacts);
    let mut results = Vec::new();
    let mut missing = Vec::new();
    for ObjectId { id } in &request.inputs {
        let record = if by_email { contacts.id_of(id) } else { id.parse().ok() };
        match record.and_then(|record| contacts.get(record)) {
            Some(contact) => results.push(selected(contact.to_json(), &request.properties)),
            None => missing.push(id),
        }
    }
    drop(contacts);
    let mut answer = envelope(started, results);
    if missing.is_empty() {
        return Json(answer).into_response();
    }
    answer["numErrors"] = json!(1);
    answer["errors"] = json!([{
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": "Could not get some CONTACT objects, they may be deleted or not exist. \
                    Check that ids are valid.",
        "context": { "ids": missing },
    }]);
    (StatusCode::MULTI_STATUS, Json(answer)).into_response()
}

/// The members around the results of every batch.
pub(super) fn envelope(started: SystemTime, results: Vec<Value>) -> Value {
    json!({
        "status": "COMPLETE",
        "results": results,
        "startedAt": rfc3339_ms(started),
        "completedAt": rfc3339_ms(SystemTime::now()),
    })
}

/// HubSpot refuses a batch as a whole for its size or for an id that occurs twice.
pub(super) fn check_inputs<'a>(ids: impl Iterator<Item = &'a str>) -> Result<(), Box<Response>> {
    let mut seen = HashSet::new();
    let mut repeated: Vec<String> = Vec::new();
    let mut count = 0_usize;
    for id in ids {
        count += 1;
        let id = id.to_lowercase();
        if seen.contains(&id) && !repeated.contains(&id) {
            repeated.push(id.clone());
        }
        seen.insert(id);
    }
    if count == 0 || count > MAX_INPUTS {
        let message = format!("A batch has 1 to {MAX_INPUTS} inputs, this one has {count}");
        return Err(Box::new(error::validation(&message)));
    }
    if repeated.is_empty() {
        return Ok(());
    }
    Err(Box::new(error::detailed(
        StatusCode::BAD_REQUEST,
        "VALIDATION_ERROR",
        &format!(
            "Duplicate IDs found in batch input: [{}]. IDs must be unique",
            repeated.join(", ")
        ),
        &json!({ "ids": repeated }),
        &[],
    )))
}

/// Records can only be found by a property whose values are unique.
pub(super) fn not_unique(property: &str) -> Response {
    error::validation(&format!("Unable to find records by non-unique 0-1 property {property}"))
}

/// Reads are sparing with properties: a few, and those that were asked for.
pub(super) fn selected(mut contact: Value, wanted: &HashSet<String>) -> Value {
    const ALWAYS: [&str; 4] = ["createdate", "email", "hs_object_id", "lastmodifieddate"];
    if let Some(properties) = contact["properties"].as_object_mut() {
        properties.retain(|name, _| ALWAYS.contains(&name.as_str()) || wanted.contains(name));
    }
    contact
}
