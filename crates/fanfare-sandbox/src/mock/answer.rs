//! Disturbs an answer on its way out: headers, a false clock, filler, an end in the middle.

use std::io;
use std::time::SystemTime;

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, DATE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;

use super::desk::Verdict;
use super::http_date::DateForm;
use super::retry_after::{RetryAfter, shifted};

/// Promised by a truncated answer whose own body is too short to be cut.
const SHORTEST_PROMISE: usize = 64;

const FILLER: Bytes = Bytes::from_static(&[b'x'; 16 * 1024]);

/// Applies what the verdict says about the answer.
pub(crate) async fn disturbed(mut answer: Response, verdict: &Verdict) -> Response {
    let fault = &verdict.fault;
    set_times(answer.headers_mut(), verdict, SystemTime::now());
    for (name, value) in &fault.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse()) {
            answer.headers_mut().insert(name, value);
        }
    }
    if let Some(text) = &fault.body {
        answer = answer.map(|_| Body::from(text.clone()));
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
    if let Some(length) = fault.body_bytes {
        answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        answer = answer.map(|_| filler(length));
    }
    if fault.truncate { truncated(answer).await } else { answer }
}

/// `Date` and `Retry-After` come from one instant, so that their difference is exact.
fn set_times(headers: &mut HeaderMap, verdict: &Verdict, now: SystemTime) {
    let retry_after = verdict.fault.retry_after.as_deref().and_then(RetryAfter::parse);
    if retry_after.is_none() && verdict.date_skew_s == 0 {
        return;
    }
    let now = shifted(now, verdict.date_skew_s);
    if let Ok(date) = HeaderValue::try_from(DateForm::Imf.write(now)) {
        headers.insert(DATE, date);
    }
    if let Some(Ok(value)) = retry_after.map(|form| HeaderValue::try_from(form.write(now))) {
        headers.insert(RETRY_AFTER, value);
    }
}

fn filler(length: u64) -> Body {
    Body::from_stream(stream::unfold(length, async |left| {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(FILLER.len());
        let chunk = FILLER.slice(..size);
        (size > 0).then(|| (Ok::<_, io::Error>(chunk), left - size as u64))
    }))
}

/// Sends the head and half of the body, then closes the connection.
async fn truncated(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let promised = if whole.len() < 2 { SHORTEST_PROMISE } else { whole.len() };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(promised));
    let half = whole.slice(..whole.len() / 2);
    let pieces = stream::unfold(Some(half), async |half| match half {
        Some(half) => Some((Ok(half), None)),
        None => {
            // The server writes out what it holds whenever the body makes it wait; without
            // this pause the failing body would take the unwritten half with it.
            tokio::task::yield_now().await;
            Some((Err(io::Error::other("the control asked for half an answer")), None))
        }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}
