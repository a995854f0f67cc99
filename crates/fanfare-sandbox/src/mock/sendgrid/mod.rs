//! SendGrid's `POST /v3/mail/send`. It has no idempotency: every accepted call is one mail.
//! Its Email Activity finds a mail at once, which the real one does not promise.

mod activity;
mod error;
mod mails;
mod message;
mod validate;

use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use self::mails::Mails;
use self::message::Message;
use super::locked;
use super::options::Options;
use super::vendor::{Carried, Identity, Vendor, key_in_headers};
use super::window::{Admission, Admitted, RollingWindow};

/// Bytes of the largest mail, attachments included ("total message size … 30MB").
const MAX_BODY: usize = 30 << 20;

/// One SendGrid account.
#[derive(Debug)]
pub(crate) struct SendGrid {
    token: Option<String>,
    window: Option<Mutex<RollingWindow>>,
    mails: Mutex<Mails>,
}

/// The part of a mail that says what it is about.
#[derive(Deserialize)]
struct About {
    #[serde(default)]
    custom_args: CustomArgs,
}

#[derive(Default, Deserialize)]
struct CustomArgs {
    idempotency_key: Option<String>,
    event_id: Option<String>,
}

impl SendGrid {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            token: options.token,
            window: options.rate_limit.map(|limit| Mutex::new(RollingWindow::new(limit))),
            mails: Mutex::new(Mails::new(options.max_mails)),
        }
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match given.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(given) => self.token.as_deref().is_none_or(|token| token == given),
            None => false,
        }
    }
}

async fn mail_send(
    State(sendgrid): State<Arc<SendGrid>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !sendgrid.is_authorized(&headers) {
        return error::for_status(StatusCode::UNAUTHORIZED);
    }
    let Some(window) = &sendgrid.window else { return accept(&sendgrid, &body) };
    let admission = locked(window).admit(Instant::now());
    let mut answer = match admission.verdict {
        Admitted::Yes => accept(&sendgrid, &body),
        Admitted::OverWindow | Admitted::OverDay => {
            error::for_status(StatusCode::TOO_MANY_REQUESTS)
        }
    };
    announce(answer.headers_mut(), &admission);
    answer
}

/// 202 and a message id; 200 when the mail only asked to be validated.
fn accept(sendgrid: &SendGrid, body: &[u8]) -> Response {
    let Ok(message) = serde_json::from_slice::<Message>(body) else {
        return error::for_status(StatusCode::BAD_REQUEST);
    };
    let problems = validate::problems(&message);
    if !problems.is_empty() {
        return error::answer(StatusCode::BAD_REQUEST, &problems);
    }
    if message.is_sandboxed() {
        return StatusCode::OK.into_response();
    }
    let message_id = locked(&sendgrid.mails).keep(message);
    (StatusCode::ACCEPTED, [("x-message-id", message_id)], Extension(Carried::one(true)))
        .into_response()
}

/// The reset is a time of day here, not a duration: Unix seconds, never too early.
fn announce(headers: &mut HeaderMap, admission: &Admission) {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let reset = (since_epoch + admission.resets_in).as_secs() + 1;
    for (name, value) in [
        ("x-ratelimit-limit", u64::from(admission.limit.max)),
        ("x-ratelimit-remaining", u64::from(admission.remaining)),
        ("x-ratelimit-reset", reset),
    ] {
        headers.insert(name, HeaderValue::from(value));
    }
}

impl Vendor for SendGrid {
    fn routes(self: Arc<Self>) -> Router {
        let not_allowed = || async { error::for_status(StatusCode::METHOD_NOT_ALLOWED) };
        Router::new()
            .route("/v3/mail/send", post(mail_send).fallback(not_allowed))
            .route("/v3/messages", get(activity::messages).fallback(not_allowed))
            .fallback(|| async { error::for_status(StatusCode::NOT_FOUND) })
            .with_state(self)
    }

    fn identify(&self, headers: &HeaderMap, body: &[u8]) -> Identity {
        let about = serde_json::from_slice::<About>(body);
        let args = about.map(|about| about.custom_args).unwrap_or_default();
        let key = args.idempotency_key.or_else(|| key_in_headers(headers));
        Identity {
            keys: key.into_iter().collect(),
            event_ids: args.event_id.into_iter().collect(),
            ..Identity::default()
        }
    }

    fn refuse(&self, status: StatusCode) -> Response {
        error::for_status(status)
    }

    fn state(&self) -> Value {
        locked(&self.mails).to_json()
    }

    fn max_body(&self) -> usize {
        MAX_BODY
    }
}
