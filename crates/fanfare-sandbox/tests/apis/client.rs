//! The HTTP client of these tests, and the bodies they send.

use std::sync::LazyLock;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Longer than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

pub(crate) const UPSERT: &str = "/crm/v3/objects/contacts/batch/upsert";
pub(crate) const MAIL_SEND: &str = "/v3/mail/send";

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// One request on a connection of its own, with any bearer token.
pub(crate) async fn call(method: Method, url: &str, body: Value) -> reqwest::Result<Answer> {
    call_as("any", method, url, body).await
}

pub(crate) async fn call_as(
    token: &str,
    method: Method,
    url: &str,
    body: Value,
) -> reqwest::Result<Answer> {
    let request = client().request(method, url).bearer_auth(token).body(body.to_string());
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

pub(crate) async fn post(url: impl AsRef<str>, body: Value) -> Answer {
    call(Method::POST, url.as_ref(), body).await.unwrap()
}

/// One for all tests: it keeps no connections, so it belongs to no test's runtime.
pub(crate) fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        // Nothing here speaks TLS, but the client asks which provider it would use. Installing
        // fails only where one is installed already.
        drop(rustls::crypto::ring::default_provider().install_default());
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap()
    });
    &CLIENT
}

/// One input of a batch, traced by `key`.
pub(crate) fn contact(key: &str, email: &str) -> Value {
    json!({
        "id": email,
        "idProperty": "email",
        "objectWriteTraceId": key,
        "properties": { "email": email, "firstname": "Ada" },
    })
}

pub(crate) fn batch(inputs: &[Value]) -> Value {
    json!({ "inputs": inputs })
}

/// A mail that SendGrid accepts.
pub(crate) fn mail(key: &str) -> Value {
    json!({
        "personalizations": [{ "to": [{ "email": "ada@example.com", "name": "Ada" }] }],
        "from": { "email": "hello@example.org" },
        "subject": "Welcome",
        "content": [{ "type": "text/plain", "value": "Hello Ada" }],
        "custom_args": { "idempotency_key": key, "event_id": "evt-1" },
    })
}
