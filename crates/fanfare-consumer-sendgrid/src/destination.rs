//! SendGrid as a destination.

use fanfare_delivery::http::{HttpClient, RateHeaders, address_of};
use fanfare_delivery::{Attempt, Destination, Outcome};
use fanfare_events::{Payload, UserRegistered};
use reqwest::header::{CONTENT_TYPE, HeaderValue};

use crate::activity::Activity;
use crate::answer;
use crate::mail::Mail;
use crate::settings::SendGridSettings;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One SendGrid account.
#[derive(Debug)]
pub struct SendGrid {
    http: HttpClient,
    activity: Option<Activity>,
    settings: SendGridSettings,
}

impl SendGrid {
    /// SendGrid, called through `http`.
    pub fn new(settings: SendGridSettings, http: HttpClient) -> Self {
        let http = http.with_credentials(settings.credentials.clone());
        // Its limit is another one, which mails have nothing to do with.
        let activity = settings.activity_url.clone().map(|url| Activity::new(url, http.clone()));
        Self { http: http.with_rate_headers(RateHeaders::X_WITH_EPOCH), activity, settings }
    }
}

impl Destination for SendGrid {
    fn handles(&self, event_type: &str) -> bool {
        event_type == UserRegistered::TYPE
    }

    fn address(&self) -> Option<(String, u16)> {
        address_of(&self.settings.send_url)
    }

    fn client(&self) -> Option<&HttpClient> {
        Some(&self.http)
    }

    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        let style = &self.settings.style;
        let mail = match Mail::welcoming(attempt.event(), attempt.key(), style) {
            Ok(mail) => mail,
            Err(error) => return Outcome::rejected(error.to_string()),
        };
        let request = self
            .http
            .post(self.settings.send_url.clone())
            .header(CONTENT_TYPE, JSON)
            .body(mail.to_json());
        answer::of_send(self.http.call(request).await)
    }

    async fn was_delivered(&self, attempt: &Attempt) -> Option<bool> {
        self.activity.as_ref()?.knows(attempt.key()).await
    }
}
