//! A mock SendGrid, and the destination that delivers to it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use fanfare_consumer_sendgrid::{PROGRAM, SendGrid, SendGridSettings};
use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_delivery::{Attempt, Destination, Outcome};
use fanfare_events::{DestinationName, Event, IdempotencyKey};
use fanfare_process::settings::{Reader, SettingsError};
use fanfare_sandbox::mock::{Api, Control, Fault, MockApi, Options};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "SG.canary";

pub(crate) struct Story {
    pub(crate) mock: MockApi,
    pub(crate) sendgrid: SendGrid,
}

impl Story {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default(), &[]).await
    }

    pub(crate) async fn with(options: Options, changes: &[(&str, &str)]) -> Self {
        let options = Options { token: options.token.or(Some(KEY.into())), ..options };
        let mock = MockApi::start(Api::SendGrid, options).await.unwrap();
        let url = mock.base_url();
        let changes = [&[("SENDGRID_BASE_URL", url.as_str())], changes].concat();
        let limits = HttpLimits { whole_call: Duration::from_secs(2), ..HttpLimits::default() };
        let http = HttpClient::new("test", limits).unwrap();
        Self { mock, sendgrid: SendGrid::new(settings(&changes).unwrap(), http) }
    }

    /// A story in which these faults happen, one per call.
    pub(crate) async fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        let story = Self::new().await;
        story.mock.control(Control::script(faults)).unwrap();
        story
    }

    pub(crate) async fn deliver(&self, event: &Event) -> Outcome {
        let attempt = Attempt::new(event.clone(), key(event), NonZeroU32::MIN);
        self.sendgrid.deliver(&attempt).await
    }
}

pub(crate) fn settings(changes: &[(&str, &str)]) -> Result<SendGridSettings, SettingsError> {
    let required = [("SENDGRID_API_KEY", KEY), ("SENDGRID_FROM_EMAIL", "hello@example.com")];
    let all = required.iter().chain(changes);
    let vars: BTreeMap<_, _> =
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&vars);
    let settings = SendGridSettings::read(&mut reader);
    reader.finish(PROGRAM.variables, || settings)
}

pub(crate) fn key(event: &Event) -> IdempotencyKey {
    let destination: DestinationName = "sendgrid".parse().unwrap();
    IdempotencyKey::of(event, &destination)
}

/// An event whose data need not be what the type promises.
pub(crate) fn event(event_type: &str, data: &Value) -> Event {
    Event::builder(event_type, "/signup").data(data).build().unwrap()
}

pub(crate) fn registered(email: &str) -> Event {
    event(
        "user.registered",
        &json!({
            "user_id": "u-1", "email": email, "registered_at": "2026-01-02T03:04:05Z",
            "first_name": "Ada",
        }),
    )
}
