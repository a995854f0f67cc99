//! What sets one mocked API apart from another.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::record::WebhookHeaders;

/// One vendor's API: its routes, its errors, its state. Knows nothing of faults and logs.
///
/// A handler that carried something out says so by putting [`Carried`] into the answer's
/// extensions.
pub(crate) trait Vendor: Send + Sync + 'static {
    /// The API's routes, the vendor's own 404 included.
    fn routes(self: Arc<Self>) -> Router;

    /// Finds out what a request is about, valid or not.
    fn identify(&self, headers: &HeaderMap, body: &[u8]) -> Identity;

    /// The vendor's answer when it refuses a request with this status.
    fn refuse(&self, status: StatusCode) -> Response;

    /// Everything the API has stored, for people and tests to look at.
    fn state(&self) -> Value;

    /// Bytes of the largest body that is read.
    fn max_body(&self) -> usize;
}

/// In the extensions of a request whose batch is to be carried out whole or not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeBatches;

/// What a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) keys: Vec<String>,
    pub(crate) event_ids: Vec<String>,
    pub(crate) webhook: Option<WebhookHeaders>,
}

/// What a handler carried out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    pub(crate) items: Vec<Item>,
}

/// One accepted item of a request.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Its idempotency key; an item without one belongs to the request's only key.
    pub(crate) key: Option<String>,
    /// Whether accepting it changed anything.
    pub(crate) changed: bool,
}

impl Carried {
    /// The whole request was one item.
    pub(crate) fn one(changed: bool) -> Self {
        Self { items: vec![Item { key: None, changed }] }
    }
}

/// The headers that sign a webhook, if there are all of them.
pub(crate) fn webhook_headers(headers: &HeaderMap) -> Option<WebhookHeaders> {
    let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
    Some(WebhookHeaders {
        id: text("webhook-id")?,
        timestamp: text("webhook-timestamp")?,
        signature: text("webhook-signature")?,
    })
}

/// The key that a request names in a header: ours, or a webhook's constant id.
pub(crate) fn key_in_headers(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("idempotency-key").or_else(|| headers.get("webhook-id"))?;
    // The IETF draft writes the key as a quoted string; most APIs do not.
    Some(value.to_str().ok()?.trim_matches('"').to_owned())
}
