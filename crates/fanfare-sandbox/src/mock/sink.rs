//! An API that takes everything: for benchmarks, and for destinations of one's own.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::vendor::{Carried, Identity, Item, Vendor, key_in_headers, webhook_headers};

/// Bytes of the largest body that is read.
const MAX_BODY: usize = 16 << 20;

/// Any POST, PUT or PATCH to any path is 200 and one effect; a batch of CloudEvents is one effect
/// for each.
#[derive(Debug)]
pub(crate) struct Sink;

/// The one member of a CloudEvent that is looked at.
#[derive(Deserialize)]
struct EventId<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Vendor for Sink {
    fn routes(self: Arc<Self>) -> Router {
        let take = |headers: HeaderMap, body: Bytes| async move {
            let carried = match batch(&headers, &body) {
                Some(events) => Carried { items: events.into_iter().map(taken).collect() },
                None => Carried::one(true),
            };
            (Extension(carried), Json(json!({}))).into_response()
        };
        let show = || async { Json(json!({})).into_response() };
        Router::new().fallback(any(take).get(show).head(show))
    }

    fn identify(&self, headers: &HeaderMap, body: &[u8]) -> Identity {
        if let Some(events) = batch(headers, body) {
            let event_ids: Vec<_> = events.into_iter().map(|event| event.id.into_owned()).collect();
            return Identity { keys: event_ids.clone(), event_ids, webhook: None };
        }
        let header = headers.get("ce-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let event_id = header.or_else(|| {
            serde_json::from_slice::<EventId<'_>>(body).ok().map(|event| event.id.into_owned())
        });
        Identity {
            keys: key_in_headers(headers).or_else(|| event_id.clone()).into_iter().collect(),
            event_ids: event_id.into_iter().collect(),
            webhook: webhook_headers(headers),
        }
    }

    fn refuse(&self, status: StatusCode) -> Response {
        (status, Json(json!({ "error": status.canonical_reason() }))).into_response()
    }

    fn state(&self) -> Value {
        json!({})
    }

    fn max_body(&self) -> usize {
        MAX_BODY
    }
}

/// The events of a request in the batched content mode of CloudEvents.
fn batch<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Vec<EventId<'a>>> {
    let is_batch = headers.get(CONTENT_TYPE)? == "application/cloudevents-batch+json";
    is_batch.then(|| serde_json::from_slice(body).ok())?
}

fn taken(event: EventId<'_>) -> Item {
    Item { key: Some(event.id.into_owned()), changed: true }
}
