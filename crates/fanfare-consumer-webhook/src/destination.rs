//! A receiver of webhooks as a destination.

use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_delivery::http::{HttpClient, HttpClientError, RateHeaders, address_of};
use fanfare_delivery::{Attempt, Destination, Outcome};
use reqwest::header::{CONTENT_TYPE, HeaderName};

use crate::settings::WebhookSettings;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// One receiver of webhooks.
#[derive(Debug)]
pub struct Webhook {
    http: HttpClient,
    settings: WebhookSettings,
}

impl Webhook {
    /// The receiver, called through a client like `http` behind the address guard.
    pub fn new(settings: WebhookSettings, http: HttpClient) -> Result<Self, HttpClientError> {
        let http = http
            .guarded(settings.allowed.clone())?
            .with_credentials(settings.credentials.clone())
            .with_rate_headers(RateHeaders::Policies);
        Ok(Self { http, settings })
    }
}

impl Destination for Webhook {
    fn handles(&self, _event_type: &str) -> bool {
        true
    }

    fn address(&self) -> Option<(String, u16)> {
        address_of(&self.settings.url)
    }

    fn client(&self) -> Option<&HttpClient> {
        Some(&self.http)
    }

    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        let WebhookSettings { url, signer, body: form, .. } = &self.settings;
        let body = match form.of(attempt.event()) {
            Ok(body) => body,
            Err(error) => return Outcome::rejected(error.to_string()),
        };
        // A UUID, so it holds no dot, which would make the signed content ambiguous.
        let id = attempt.key().to_string();
        let timestamp = seconds_since_1970();
        let signature = signer.current().sign(&id, timestamp, &body);
        let request = self
            .http
            .post(url.clone())
            .header(CONTENT_TYPE, form.content_type())
            .header(ID, id)
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature)
            .body(body);
        // The status says it all. A body that comes from others is not looked into.
        self.http.call(request).await.into()
    }
}

/// The moment of this attempt: receivers refuse what was signed five minutes ago.
fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
