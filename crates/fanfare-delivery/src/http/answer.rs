//! What an API answered.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::classify::outcome_of_status;
use super::client::HttpLimits;
use super::error::CallError;
use super::retry_after::{RetryAfter, parse_retry_after};
use crate::outcome::{Outcome, Reason};

/// An API's answer, its body cut to what the client's limits allow.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or its start.
    pub body: Bytes,
    /// Whether the body went on beyond what was read.
    pub truncated: bool,
    pub(super) retry_after_cap: Duration,
}

/// How nginx answers where it wants a client certificate and is not content with ours; the
/// status is 400, which would be the event's own fault otherwise (`ngx_http_special_response.c`).
const NGINX_REFUSALS: [&str; 2] =
    ["400 The SSL certificate error", "400 No required SSL certificate was sent"];

/// How much of an answer goes into a reason, in bytes.
const EXCERPT: usize = 1024;

impl Answer {
    /// A whole answer as the client would report it, its limits the default ones.
    ///
    /// For authors of destinations, whose tests show how they read an answer without
    /// making a call.
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        let HttpLimits { retry_after_cap, .. } = HttpLimits::default();
        Self { status, headers, body: body.into(), truncated: false, retry_after_cap }
    }

    /// What the status means by default; see [`outcome_of_status`].
    pub fn outcome(&self) -> Outcome {
        outcome_of_status(self.status.as_u16(), self.retry_after(), self.reason())
    }

    /// How long the API asked to wait, up to the cap. `None` when it did not say, or
    /// said something that is no `Retry-After`.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        let date = self.headers.get(reqwest::header::DATE).and_then(|date| date.to_str().ok());
        match parse_retry_after(value, date) {
            RetryAfter::In(wait) => Some(wait.min(self.retry_after_cap)),
            RetryAfter::Malformed => None,
        }
    }

    /// The answer as a reason: its status and the start of its body.
    pub fn reason(&self) -> Reason {
        let phrase = self.status.canonical_reason().unwrap_or("no known meaning");
        Reason {
            text: format!("the API answered {} {phrase}", self.status.as_u16()),
            status: Some(self.status.as_u16()),
            response: self.excerpt(),
        }
    }

    /// The same reason in words that the API's own documentation uses.
    pub fn reason_saying(&self, text: impl Into<String>) -> Reason {
        Reason { text: text.into(), ..self.reason() }
    }

    /// What a server said that answered in the API's place, because of our client certificate.
    pub(super) fn refusal_of_certificate(&self) -> Option<&'static str> {
        if self.status != StatusCode::BAD_REQUEST {
            return None;
        }
        let page = std::str::from_utf8(&self.body).ok()?;
        NGINX_REFUSALS.into_iter().find(|title| page.contains(&format!("<title>{title}</title>")))
    }

    fn excerpt(&self) -> Option<String> {
        if self.body.is_empty() {
            return None;
        }
        let start = &self.body[..self.body.len().min(EXCERPT)];
        Some(String::from_utf8_lossy(start).into_owned())
    }
}

impl From<Result<Answer, CallError>> for Outcome {
    fn from(called: Result<Answer, CallError>) -> Self {
        match called {
            Ok(answer) => answer.outcome(),
            Err(error) => error.outcome(),
        }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn an_answer_that_was_made_up_reads_like_one_that_came() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("31536000"));
        let answer = Answer::new(StatusCode::TOO_MANY_REQUESTS, headers, "slow down");
        assert_eq!(answer.retry_after(), Some(Duration::from_secs(24 * 60 * 60)), "the cap");
        assert_eq!(answer.outcome().label(), "hold");
        assert_eq!(answer.reason().status, Some(429));
        assert_eq!(answer.reason().response.as_deref(), Some("slow down"));
    }

    #[test]
    fn a_page_of_nginx_about_certificates_is_told_from_an_answer_of_the_api() {
        let of = |status, body: &str| {
            Answer::new(status, HeaderMap::new(), body.to_owned()).refusal_of_certificate()
        };
        let page = |title: &str| {
            format!("<html>\r\n<head><title>{title}</title></head>\r\n<body>…</body></html>")
        };
        for title in NGINX_REFUSALS {
            assert_eq!(of(StatusCode::BAD_REQUEST, &page(title)), Some(title));
            assert_eq!(of(StatusCode::OK, &page(title)), None);
            assert_eq!(of(StatusCode::BAD_REQUEST, title), None, "somebody tells of it");
        }
        assert_eq!(of(StatusCode::BAD_REQUEST, &page("400 Bad Request")), None);
        assert_eq!(of(StatusCode::BAD_REQUEST, r#"{"message":"no such contact"}"#), None);
    }
}
