//! `GET /v3/messages`: the Email Activity, as far as it finds mails by a custom argument.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::super::locked;
use super::{SendGrid, error};

#[derive(Debug, Deserialize)]
pub(super) struct Search {
    query: Option<String>,
    limit: Option<usize>,
}

/// Messages in one answer, unless asked otherwise, and at most (API reference).
const FEW: usize = 10;
const MOST: usize = 1000;

pub(super) async fn messages(
    State(sendgrid): State<Arc<SendGrid>>,
    headers: HeaderMap,
    Query(search): Query<Search>,
) -> Response {
    if !sendgrid.is_authorized(&headers) {
        return error::for_status(StatusCode::UNAUTHORIZED);
    }
    let limit = search.limit.unwrap_or(FEW);
    match search.query.as_deref().and_then(custom_argument) {
        Some((name, value)) if (1..=MOST).contains(&limit) => {
            let found = locked(&sendgrid.mails).with_argument(name, value, limit);
            Json(json!({ "messages": found })).into_response()
        }
        // The real one also finds by address, subject and time.
        Some(_) | None => error::for_status(StatusCode::BAD_REQUEST),
    }
}

/// `unique_args['name']="value"`, in parentheses or not.
fn custom_argument(query: &str) -> Option<(&str, &str)> {
    let bare = query.strip_prefix('(').and_then(|query| query.strip_suffix(')')).unwrap_or(query);
    let (name, value) = bare.strip_prefix("unique_args['")?.split_once("']=\"")?;
    Some((name, value.strip_suffix('"')?))
}
