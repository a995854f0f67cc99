//! SendGrid's error bodies: a list of message, field and help.

use std::borrow::Cow;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    pub(super) message: Cow<'static, str>,
    /// Where, such as `personalizations.0.to.0.email`.
    pub(super) field: Option<String>,
    pub(super) help: Option<String>,
}

impl Problem {
    pub(super) fn at(field: impl Into<String>, message: &'static str) -> Self {
        let field = field.into();
        let section = field.split('.').next().unwrap_or_default();
        let help = format!(
            "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.{section}"
        );
        Self { message: message.into(), field: Some(field), help: Some(help) }
    }

    fn without_field(message: &'static str) -> Self {
        Self { message: message.into(), field: None, help: None }
    }
}

pub(super) fn answer(status: StatusCode, problems: &[Problem]) -> Response {
    (status, Json(json!({ "errors": problems }))).into_response()
}

/// SendGrid's own answer for a status that was asked for.
pub(super) fn for_status(status: StatusCode) -> Response {
    let message = match status.as_u16() {
        400 => "Bad Request",
        401 => "The provided authorization grant is invalid, expired, or revoked",
        403 => {
            "The from address does not match a verified Sender Identity. Mail cannot be sent \
             until this error is resolved. Visit \
             https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the \
             Sender Identity requirements"
        }
        404 => "Not Found",
        405 => "method not allowed",
        413 => "The JSON payload you have included in your request is too large",
        429 => "too many requests",
        500 => "internal server error",
        _ => status.canonical_reason().unwrap_or("error"),
    };
    answer(status, &[Problem::without_field(message)])
}
