//! A receiver, and the destination that delivers to it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use fanfare_consumer_webhook::{PROGRAM, Webhook, WebhookSettings};
use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_delivery::{Attempt, Destination, Outcome};
use fanfare_events::{DestinationName, Event, IdempotencyKey};
use fanfare_process::settings::{Reader, SettingsError};
use serde_json::json;

use crate::receiver::Receiver;

/// Published test keys, of the standard's libraries.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

pub(crate) struct Story {
    pub(crate) receiver: Receiver,
    pub(crate) webhook: Webhook,
}

impl Story {
    pub(crate) async fn new() -> Self {
        Self::with([], &[("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8")]).await
    }

    /// The receiver answers with these statuses first.
    pub(crate) async fn with(
        statuses: impl IntoIterator<Item = u16>,
        changes: &[(&str, &str)],
    ) -> Self {
        let receiver = Receiver::answering(statuses).await;
        let url = format!("http://{}/hooks?token=canary", receiver.address);
        let changes = [&[("WEBHOOK_URL", url.as_str())], changes].concat();
        let http = HttpClient::new("test", HttpLimits::default()).unwrap();
        Self { receiver, webhook: Webhook::new(settings(&changes).unwrap(), http).unwrap() }
    }

    pub(crate) async fn deliver(&self, event: &Event, number: u32) -> Outcome {
        let number = NonZeroU32::new(number).unwrap();
        self.webhook.deliver(&Attempt::new(event.clone(), key(event), number)).await
    }
}

pub(crate) fn settings(changes: &[(&str, &str)]) -> Result<WebhookSettings, SettingsError> {
    let in_file = changes.iter().any(|(name, _)| *name == "WEBHOOK_SECRET_FILE");
    let required = [("WEBHOOK_URL", "https://receiver.example"), ("WEBHOOK_SECRET", SECRET)];
    let required = &required[..if in_file { 1 } else { 2 }];
    let all = required.iter().chain(changes);
    let vars: BTreeMap<_, _> =
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&vars);
    let settings = WebhookSettings::read(&mut reader);
    reader.finish(PROGRAM.variables, || settings)
}

pub(crate) fn key(event: &Event) -> IdempotencyKey {
    let destination: DestinationName = "webhook".parse().unwrap();
    IdempotencyKey::of(event, &destination)
}

pub(crate) fn event() -> Event {
    let data = json!({ "user_id": "u-1", "first_name": "Zoë" });
    Event::builder("user.registered", "/signup").data(&data).build().unwrap()
}
