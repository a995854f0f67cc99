//! `POST /crm/v3/objects/contacts/batch/upsert`: create or update up to 100 contacts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::locked;
use super::super::vendor::{Carried, Item, WholeBatches};
use super::contacts::{Contact, Contacts, Properties};
use super::validate::{Refusal, check, refuse_all};
use super::{HubSpot, batch, error};

#[derive(Debug, Deserialize)]
struct Batch {
    inputs: Vec<Input>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    id: String,
    id_property: Option<String>,
    object_write_trace_id: Option<String>,
    properties: Properties,
}

/// 200 when all inputs are good. With some bad ones: 207 if every input carries its own
/// `objectWriteTraceId`, else 400 and nothing is written.
pub(super) async fn batch_upsert(
    State(hubspot): State<Arc<HubSpot>>,
    whole: Option<Extension<WholeBatches>>,
    body: Bytes,
) -> Response {
    let started = SystemTime::now();
    let inputs = match serde_json::from_slice::<Batch>(&body) {
        Ok(batch) => batch.inputs,
        Err(error) => return error::unreadable(&error),
    };
    if let Err(refusal) = batch::check_inputs(inputs.iter().map(|input| input.id.as_str())) {
        return *refusal;
    }
    if inputs.iter().any(|input| input.id_property.as_deref() != Some("email")) {
        return error::validation("Unable to perform update/upsert by non-unique 0-1 property");
    }
    let mut contacts = locked(&hubspot.contacts);
    if !contacts.has_room_for(inputs.len()) {
        return error::error(StatusCode::INSUFFICIENT_STORAGE, "MOCK_FULL", "the mock is full");
    }
    let (good, bad) = sorted(inputs, &hubspot, &contacts);
    let one_by_one = whole.is_none() && !good.is_empty() && all_traced(&good, &bad);
    if !bad.is_empty() && !one_by_one {
        let refusals: Vec<_> = bad.into_iter().map(|(_, refusal)| refusal).collect();
        return refuse_all(&refusals);
    }
    let mut carried = Carried::default();
    let results = good.into_iter().map(|input| write(&mut contacts, input, &mut carried)).collect();
    drop(contacts);

    let mut answer = batch::envelope(started, results);
    if bad.is_empty() {
        return (Extension(carried), Json(answer)).into_response();
    }
    answer["numErrors"] = json!(bad.len());
    answer["errors"] = bad.iter().map(|(input, refusal)| item_error(input, refusal)).collect();
    (StatusCode::MULTI_STATUS, Extension(carried), Json(answer)).into_response()
}

fn sorted(
    inputs: Vec<Input>,
    hubspot: &HubSpot,
    contacts: &Contacts,
) -> (Vec<Input>, Vec<(Input, Refusal)>) {
    let mut good = Vec::with_capacity(inputs.len());
    let mut bad = Vec::new();
    for input in inputs {
        let own = contacts.id_of(&input.id);
        let known = &hubspot.properties;
        match check(own, Some(&input.id), &input.properties, known, contacts) {
            Ok(()) => good.push(input),
            Err(refusal) => bad.push((input, refusal)),
        }
    }
    (good, bad)
}

fn all_traced(good: &[Input], bad: &[(Input, Refusal)]) -> bool {
    let mut seen = HashSet::new();
    good.iter()
        .chain(bad.iter().map(|(input, _)| input))
        .all(|input| input.object_write_trace_id.as_ref().is_some_and(|id| seen.insert(id)))
}

fn write(contacts: &mut Contacts, input: Input, carried: &mut Carried) -> Value {
    let written = contacts.upsert(&input.id, input.properties);
    let contact = contacts.get(written.id);
    let mut result = contact.map(Contact::to_json).unwrap_or_default();
    result["new"] = json!(written.new);
    if let Some(trace_id) = &input.object_write_trace_id {
        result["objectWriteTraceId"] = json!(trace_id);
    }
    carried.items.push(Item { key: input.object_write_trace_id, changed: written.changed });
    result
}

/// HubSpot's `StandardError`; the trace id is a list, as every member of a context is.
fn item_error(input: &Input, refusal: &Refusal) -> Value {
    json!({
        "status": "error",
        "category": refusal.category(),
        "message": refusal.message(),
        "context": { "objectWriteTraceId": [input.object_write_trace_id] },
        "errors": refusal.errors(),
        "links": {},
    })
}
