//! HubSpot's CRM contacts, version 3: batch upsert, read, update, archive, GDPR deletion.
//!
//! Written after HubSpot's public reference and after answers that others have published.
//! What HubSpot does not have is not here either: no deletion by email, for instance.

mod archive;
mod batch;
mod contacts;
mod error;
mod guard;
mod single;
mod upsert;
mod validate;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::Value;

use self::contacts::Contacts;
use super::locked;
use super::options::Options;
use super::vendor::{Identity, Vendor, key_in_headers};
use super::window::RollingWindow;

/// Bytes of the largest body that is read; HubSpot states no number for JSON.
const MAX_BODY: usize = 10 << 20;

/// One HubSpot account.
#[derive(Debug)]
pub(crate) struct HubSpot {
    token: Option<String>,
    window: Option<Mutex<RollingWindow>>,
    properties: HashSet<String>,
    contacts: Mutex<Contacts>,
}

/// The part of a batch that names its items.
#[derive(Deserialize)]
struct Traced {
    #[serde(default)]
    inputs: Vec<Trace>,
}

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "objectWriteTraceId")]
    id: Option<String>,
}

impl HubSpot {
    pub(crate) fn new(options: Options) -> Self {
        let built_in = validate::BUILT_IN_PROPERTIES.iter().map(|name| (*name).to_owned());
        Self {
            token: options.token,
            window: options.rate_limit.map(|limit| Mutex::new(RollingWindow::new(limit))),
            properties: built_in.chain(options.properties).collect(),
            contacts: Mutex::new(Contacts::new(options.max_contacts)),
        }
    }
}

impl Vendor for HubSpot {
    fn routes(self: Arc<Self>) -> Router {
        const CONTACTS: &str = "/crm/v3/objects/contacts";
        let path = |rest: &str| format!("{CONTACTS}{rest}");
        Router::new()
            .route(&path("/batch/upsert"), post(upsert::batch_upsert))
            .route(&path("/batch/read"), post(batch::batch_read))
            .route(&path("/batch/archive"), post(archive::batch_archive))
            .route(&path("/gdpr-delete"), post(archive::gdpr_delete))
            .route(&path("/{id}"), get(single::read).patch(single::update).delete(archive::archive))
            .fallback(|| async { error::resource_not_found() })
            .layer(middleware::from_fn_with_state(Arc::clone(&self), guard::admit))
            .with_state(self)
    }

    fn identify(&self, headers: &HeaderMap, body: &[u8]) -> Identity {
        let traced = serde_json::from_slice::<Traced>(body);
        let inputs = traced.map(|traced| traced.inputs).unwrap_or_default();
        let mut keys: Vec<_> = inputs.into_iter().filter_map(|trace| trace.id).collect();
        if keys.is_empty() {
            keys.extend(key_in_headers(headers));
        }
        Identity { keys, ..Identity::default() }
    }

    fn refuse(&self, status: StatusCode) -> Response {
        error::for_status(status)
    }

    fn state(&self) -> Value {
        locked(&self.contacts).to_json()
    }

    fn max_body(&self) -> usize {
        MAX_BODY
    }
}
