//! SendGrid's Email Activity: whether a mail is known to have been taken.
//!
//! A paid addition to an account. It finds mails by their custom arguments, some time after
//! they were taken (how long is not documented). So a mail that is found was taken, and one
//! that is not found may have been: nobody is told that it was not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_delivery::http::{Answer, HttpClient};
use fanfare_events::IdempotencyKey;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tracing::warn;
use url::Url;

/// Asks an account's Email Activity.
#[derive(Debug)]
pub(crate) struct Activity {
    http: HttpClient,
    url: Url,
    /// Not asked before this moment.
    quiet_until: Mutex<Option<Instant>>,
    has_warned: AtomicBool,
}

#[derive(Deserialize)]
struct Found {
    messages: Vec<Value>,
}

/// A mail waits for the answer, so it is not waited for as long as for a call that delivers.
const PATIENCE: Duration = Duration::from_secs(5);

/// Six questions a minute are answered (API reference, Email Activity, rate limits).
const WINDOW: Duration = Duration::from_secs(60);

impl Activity {
    pub(crate) fn new(url: Url, http: HttpClient) -> Self {
        Self { http, url, quiet_until: Mutex::new(None), has_warned: AtomicBool::new(false) }
    }

    /// `Some(true)` if a mail with this key was taken, else `None`.
    pub(crate) async fn knows(&self, key: IdempotencyKey) -> Option<bool> {
        if self.quiet_until().is_some_and(|moment| Instant::now() < moment) {
            return None;
        }
        let mut url = self.url.clone();
        let query = format!("(unique_args['idempotency_key']=\"{key}\")");
        url.query_pairs_mut().append_pair("limit", "1").append_pair("query", &query);
        let request = self.http.request(Method::GET, url).timeout(PATIENCE);
        match self.http.call(request).await {
            Ok(answer) if answer.status == StatusCode::OK => is_found(&answer.body),
            Ok(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
                *self.quiet_until() = Some(Instant::now() + WINDOW);
                None
            }
            Ok(answer) => {
                self.warn_once(&answer);
                None
            }
            // Sending the mail will tell whether SendGrid can be reached.
            Err(_) => None,
        }
    }

    fn warn_once(&self, answer: &Answer) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            warn!(
                status = answer.status.as_u16(),
                "SendGrid does not answer questions about earlier mails; the account needs the \
                 Email Activity addition, and the API key its permission"
            );
        }
    }

    fn quiet_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_found(body: &[u8]) -> Option<bool> {
    let found: Found = serde_json::from_slice(body).ok()?;
    (!found.messages.is_empty()).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::is_found;

    #[test]
    fn only_a_mail_that_is_found_is_known() {
        for (body, expected) in [
            (r#"{"messages":[{"msg_id":"1","status":"processed"}]}"#, Some(true)),
            (r#"{"messages":[]}"#, None),
            (r#"{"messages":null}"#, None),
            ("{}", None),
            ("", None),
            ("<html>", None),
        ] {
            assert_eq!(is_found(body.as_bytes()), expected, "{body}");
        }
    }
}
