//! HubSpot as a destination: the calls, in their order.

use fanfare_delivery::http::{Answer, CallError, HttpClient, RateHeaders, ResetForm, address_of};
use fanfare_delivery::{Attempt, Batched, Batching, Destination, Outcome};
use fanfare_events::{Event, IdempotencyKey};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use url::Url;

use crate::answer;
use crate::api::{self, Input, Record};
use crate::batch::Entries;
use crate::change::{Change, MoveTo, Properties};
use crate::settings::HubSpotSettings;

/// A contact in an answer is a kilobyte or two: the properties that were written, and a few
/// that HubSpot derives. An answer that is cut off tells nothing about any of its inputs.
const ANSWER_BYTES_PER_INPUT: usize = 16 * 1024;

/// The window of ten seconds, in which look-ups count as well (usage guidelines).
const RATE_HEADERS: RateHeaders = RateHeaders::Each {
    limit: Some("x-hubspot-ratelimit-max"),
    remaining: "x-hubspot-ratelimit-remaining",
    reset: "x-hubspot-ratelimit-interval-milliseconds",
    form: ResetForm::RollingMilliseconds,
};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The contacts of one HubSpot account.
#[derive(Debug)]
pub struct HubSpot {
    http: HttpClient,
    settings: HubSpotSettings,
}

impl HubSpot {
    /// HubSpot, called through `http`.
    pub fn new(settings: HubSpotSettings, http: HttpClient) -> Self {
        let most = settings.batching.map_or(1, |batching| batching.most.get());
        let http = http
            .with_answer_limit(most.saturating_mul(ANSWER_BYTES_PER_INPUT))
            .with_rate_headers(RATE_HEADERS)
            .with_credentials(settings.credentials.clone());
        Self { http, settings }
    }

    async fn upsert(&self, email: &str, properties: &Properties, key: IdempotencyKey) -> Outcome {
        let trace_id = key.to_string();
        let input = Input::new(email, &trace_id, properties);
        let body = api::upsert(&[input]);
        answer::of_upsert(self.call(&self.settings.upsert_url, body).await, input)
    }

    async fn move_contact(
        &self,
        from: &str,
        properties: &Properties,
        key: IdempotencyKey,
    ) -> Result<Outcome, Outcome> {
        let found = self.look_up(&[from, &properties.email]).await?;
        Ok(match MoveTo::decide(from, &properties.email, &found) {
            MoveTo::Contact(email) => self.upsert(email, properties, key).await,
            MoveTo::Two { old, new } => Outcome::rejected(format!(
                "the previous and the new email belong to two contacts, {old} and {new}; merge \
                 them in HubSpot, then replay"
            )),
        })
    }

    async fn archive(&self, email: &str) -> Result<Outcome, Outcome> {
        let found = self.look_up(&[email]).await?;
        if found.is_empty() {
            return Ok(Outcome::Delivered);
        }
        let archived = self.call(&self.settings.archive_url, api::archive(&found)).await;
        Ok(answer::of_write(archived))
    }

    async fn deliver_each(&self, attempts: &[Attempt]) -> Batched {
        let mut outcomes = Vec::with_capacity(attempts.len());
        for attempt in attempts {
            outcomes.push(self.deliver(attempt).await);
        }
        Batched::Each(outcomes)
    }

    async fn look_up(&self, emails: &[&str]) -> Result<Vec<Record>, Outcome> {
        answer::of_look_up(self.call(&self.settings.read_url, api::read(emails)).await)
    }

    async fn call(&self, url: &Url, body: Vec<u8>) -> Result<Answer, CallError> {
        let request = self.http.post(url.clone()).header(CONTENT_TYPE, JSON).body(body);
        self.http.call(request).await
    }
}

impl Destination for HubSpot {
    fn handles(&self, event_type: &str) -> bool {
        Change::is_asked_by(event_type)
    }

    fn address(&self) -> Option<(String, u16)> {
        address_of(&self.settings.upsert_url)
    }

    fn client(&self) -> Option<&HttpClient> {
        Some(&self.http)
    }

    /// One write at most; a move and an archive are preceded by a look-up.
    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        let ended = match Change::asked_by(attempt.event()) {
            Ok(Change::Upsert(properties)) => {
                return self.upsert(&properties.email, &properties, attempt.key()).await;
            }
            Ok(Change::Move { from, properties }) => {
                self.move_contact(&from, &properties, attempt.key()).await
            }
            Ok(Change::Archive { email }) => self.archive(&email).await,
            Err(error) => return Outcome::rejected(error.to_string()),
        };
        ended.unwrap_or_else(|outcome| outcome)
    }

    fn batching(&self) -> Option<Batching> {
        self.settings.batching
    }

    /// Upserts do. Moves and archives are preceded by a look-up, and what cannot be read is
    /// refused without a call.
    fn fits_batch(&self, event: &Event) -> bool {
        matches!(Change::asked_by(event), Ok(Change::Upsert(_)))
    }

    async fn deliver_batch(&self, attempts: &[Attempt]) -> Batched {
        let entries = match Entries::of(attempts) {
            Some(entries) if attempts.len() > 1 => entries,
            Some(_) | None => return self.deliver_each(attempts).await,
        };
        let inputs = entries.inputs();
        let called = self.call(&self.settings.upsert_url, api::upsert(&inputs)).await;
        entries.settle(answer::of_upserts(called, &inputs))
    }
}
