//! One contact: `GET` and `PATCH`, by record id or by email.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use serde::Deserialize;

use super::super::locked;
use super::super::vendor::Carried;
use super::contacts::{Contacts, Properties};
use super::validate::{check, refuse_all};
use super::{HubSpot, batch, error};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lookup {
    id_property: Option<String>,
    /// Comma-separated.
    #[serde(default)]
    properties: String,
}

#[derive(Debug, Deserialize)]
struct Update {
    properties: Properties,
}

pub(super) async fn read(
    State(hubspot): State<Arc<HubSpot>>,
    Path(id): Path<String>,
    Query(lookup): Query<Lookup>,
) -> Response {
    let contacts = locked(&hubspot.contacts);
    let record = match find(&contacts, &id, lookup.id_property.as_deref()) {
        Ok(record) => record,
        Err(refusal) => return *refusal,
    };
    let wanted: HashSet<_> = lookup.properties.split(',').map(str::to_owned).collect();
    match contacts.get(record) {
        Some(contact) => Json(batch::selected(contact.to_json(), &wanted)).into_response(),
        None => error::resource_not_found(),
    }
}

pub(super) async fn update(
    State(hubspot): State<Arc<HubSpot>>,
    Path(id): Path<String>,
    Query(lookup): Query<Lookup>,
    body: Bytes,
) -> Response {
    let update: Update = match serde_json::from_slice(&body) {
        Ok(update) => update,
        Err(error) => return error::unreadable(&error),
    };
    let mut contacts = locked(&hubspot.contacts);
    let record = match find(&contacts, &id, lookup.id_property.as_deref()) {
        Ok(record) => record,
        Err(refusal) => return *refusal,
    };
    let email = lookup.id_property.is_some().then_some(id.as_str());
    let known = &hubspot.properties;
    if let Err(refusal) = check(Some(record), email, &update.properties, known, &contacts) {
        return refuse_all(&[refusal]);
    }
    let changed = contacts.alter(record, update.properties, SystemTime::now());
    match contacts.get(record) {
        Some(contact) => {
            (Extension(Carried::one(changed)), Json(contact.to_json())).into_response()
        }
        None => error::resource_not_found(),
    }
}

fn find(contacts: &Contacts, id: &str, property: Option<&str>) -> Result<u64, Box<Response>> {
    let record = match property {
        None => id.parse().ok(),
        Some("email") => contacts.id_of(id),
        Some(other) => return Err(Box::new(batch::not_unique(other))),
    };
    let record = record.filter(|record| contacts.get(*record).is_some());
    record.ok_or_else(|| Box::new(error::resource_not_found()))
}
