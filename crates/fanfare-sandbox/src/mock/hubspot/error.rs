//! HubSpot's error bodies. Its documentation asks clients to treat every member as optional.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Builder;

use super::super::window::Admitted;

/// An error with HubSpot's usual members.
pub(super) fn error(status: StatusCode, category: &str, message: &str) -> Response {
    detailed(status, category, message, &json!({}), &[])
}

/// An error with context and a list of what exactly was wrong.
pub(super) fn detailed(
    status: StatusCode,
    category: &str,
    message: &str,
    context: &Value,
    errors: &[Value],
) -> Response {
    let mut body = json!({
        "status": "error",
        "message": message,
        "correlationId": random_id(),
        "category": category,
    });
    if context.as_object().is_some_and(|context| !context.is_empty()) {
        body["context"] = context.clone();
    }
    if !errors.is_empty() {
        body["errors"] = json!(errors);
    }
    (status, Json(body)).into_response()
}

pub(super) fn validation(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
}

/// A body that is no JSON, or JSON of another shape.
pub(super) fn unreadable(error: &serde_json::Error) -> Response {
    let (line, column) = (error.line(), error.column());
    validation(&format!("Invalid input JSON on line {line}, column {column}: {error}"))
}

pub(super) fn resource_not_found() -> Response {
    error(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", "resource not found")
}

/// What HubSpot answers when a limit is exceeded: no `Retry-After`.
pub(super) fn rate_limited(over: Admitted) -> Response {
    let policy = if over == Admitted::OverDay { "DAILY" } else { "TEN_SECONDLY_ROLLING" };
    let body = json!({
        "status": "error",
        "message": format!("You have reached your {} limit.", policy.to_lowercase()),
        "errorType": "RATE_LIMIT",
        "correlationId": random_id(),
        "policyName": policy,
        "requestId": random_id(),
    });
    (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
}

/// HubSpot's own answer for a status that was asked for.
pub(super) fn for_status(status: StatusCode) -> Response {
    match status.as_u16() {
        400 => validation("Invalid input (details will vary based on the error)"),
        401 => error(
            status,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication \
             and you can find more details at \
             https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        ),
        403 => detailed(
            status,
            "MISSING_SCOPES",
            "This app hasn't been granted all required scopes to make this call.",
            &json!({ "requiredScopes": ["crm.objects.contacts.write"] }),
            &[],
        ),
        404 => resource_not_found(),
        409 => error(status, "CONFLICT", "Contact already exists. Existing ID: 512"),
        423 => error(status, "LOCKED", "The resource is locked, try again later"),
        429 => rate_limited(Admitted::OverWindow),
        477 => error(status, "MIGRATION_IN_PROGRESS", "This account is being migrated"),
        _ => error(
            status,
            status.canonical_reason().unwrap_or("ERROR"),
            "internal error; the request was not carried out",
        ),
    }
}

fn random_id() -> String {
    Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string()
}
