//! Before any route: the bearer token, then the account's rate limit.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::super::locked;
use super::super::window::{Admission, Admitted};
use super::{HubSpot, error};

pub(super) async fn admit(
    State(hubspot): State<Arc<HubSpot>>,
    request: Request,
    next: Next,
) -> Response {
    if !is_authorized(request.headers(), hubspot.token.as_deref()) {
        return error::for_status(StatusCode::UNAUTHORIZED);
    }
    let Some(window) = &hubspot.window else { return next.run(request).await };
    let admission = locked(window).admit(Instant::now());
    let mut answer = match admission.verdict {
        Admitted::Yes => next.run(request).await,
        over @ (Admitted::OverWindow | Admitted::OverDay) => error::rate_limited(over),
    };
    announce(answer.headers_mut(), &admission);
    answer
}

fn is_authorized(headers: &HeaderMap, token: Option<&str>) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match given.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(given) => token.is_none_or(|token| token == given),
        None => false,
    }
}

fn announce(headers: &mut HeaderMap, admission: &Admission) {
    let interval = u64::try_from(admission.limit.interval.as_millis()).unwrap_or(u64::MAX);
    for (name, value) in [
        ("x-hubspot-ratelimit-max", u64::from(admission.limit.max)),
        ("x-hubspot-ratelimit-remaining", u64::from(admission.remaining)),
        ("x-hubspot-ratelimit-interval-milliseconds", interval),
        ("x-hubspot-ratelimit-daily", u64::from(admission.limit.daily)),
        ("x-hubspot-ratelimit-daily-remaining", u64::from(admission.daily_remaining)),
    ] {
        headers.insert(name, HeaderValue::from(value));
    }
}
