//! Ways to remove a contact. Archiving takes record ids only; emails go through a read first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Deserialize;

use super::super::locked;
use super::super::vendor::{Carried, Item};
use super::batch::{self, ObjectId};
use super::{HubSpot, error};

#[derive(Debug, Deserialize)]
struct BatchArchive {
    inputs: Vec<ObjectId>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GdprDelete {
    object_id: String,
    id_property: Option<String>,
}

/// 204 whether or not the contacts existed; repeating it does no harm.
pub(super) async fn batch_archive(State(hubspot): State<Arc<HubSpot>>, body: Bytes) -> Response {
    let inputs = match serde_json::from_slice::<BatchArchive>(&body) {
        Ok(batch) => batch.inputs,
        Err(error) => return error::unreadable(&error),
    };
    if let Err(refusal) = batch::check_inputs(inputs.iter().map(|input| input.id.as_str())) {
        return *refusal;
    }
    let Some(records) =
        inputs.iter().map(|input| input.id.parse().ok()).collect::<Option<Vec<_>>>()
    else {
        return error::validation("Batch archive takes record ids, which are numbers");
    };
    let mut contacts = locked(&hubspot.contacts);
    let archived = records.into_iter().map(|record| contacts.archive(record));
    let items = archived.map(|changed| Item { key: None, changed }).collect();
    drop(contacts);
    done(Carried { items })
}

/// One contact, by record id; there is no `idProperty` here.
pub(super) async fn archive(
    State(hubspot): State<Arc<HubSpot>>,
    Path(id): Path<String>,
) -> Response {
    let Ok(record) = id.parse() else { return error::resource_not_found() };
    done(Carried::one(locked(&hubspot.contacts).archive(record)))
}

/// Deletes for good. By email it also keeps the address out for ever, known or not.
pub(super) async fn gdpr_delete(State(hubspot): State<Arc<HubSpot>>, body: Bytes) -> Response {
    let request: GdprDelete = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return error::unreadable(&error),
    };
    let mut contacts = locked(&hubspot.contacts);
    let changed = match request.id_property.as_deref() {
        Some("email") => {
            let record = contacts.id_of(&request.object_id);
            let removed = record.is_some_and(|record| contacts.archive(record));
            contacts.block(&request.object_id) || removed
        }
        None => match request.object_id.parse() {
            Ok(record) => contacts.archive(record),
            Err(_) => return error::resource_not_found(),
        },
        Some(other) => return batch::not_unique(other),
    };
    drop(contacts);
    done(Carried::one(changed))
}

fn done(carried: Carried) -> Response {
    (StatusCode::NO_CONTENT, Extension(carried)).into_response()
}
