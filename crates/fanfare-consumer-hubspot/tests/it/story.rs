//! A mock HubSpot, and the destination that delivers to it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use fanfare_consumer_hubspot::{HubSpot, HubSpotSettings};
use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_delivery::{Attempt, Batched, Destination, Outcome};
use fanfare_events::{DestinationName, Event, IdempotencyKey, UserDeleted, UserUpdated};
use fanfare_process::settings::{Reader, SettingsError};
use fanfare_sandbox::mock::{Api, Control, Fault, MockApi, Options};
use serde_json::{Value, json};

pub(crate) const UPSERT: &str = "/crm/v3/objects/contacts/batch/upsert";
pub(crate) const READ: &str = "/crm/v3/objects/contacts/batch/read";
pub(crate) const ARCHIVE: &str = "/crm/v3/objects/contacts/batch/archive";

pub(crate) const TOKEN: &str = "pat-eu1-canary";

pub(crate) struct Story {
    pub(crate) mock: MockApi,
    hubspot: HubSpot,
}

impl Story {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let options = Options { token: Some(TOKEN.into()), ..options };
        let mock = MockApi::start(Api::HubSpot, options).await.unwrap();
        let settings = settings(&[("HUBSPOT_BASE_URL", &mock.base_url())]).unwrap();
        Self { mock, hubspot: hubspot(settings) }
    }

    /// A story in which these faults happen, one per call.
    pub(crate) async fn of(faults: impl IntoIterator<Item = Fault>) -> Self {
        let story = Self::new().await;
        story.mock.control(Control::script(faults)).unwrap();
        story
    }

    pub(crate) async fn deliver(&self, event: &Event) -> Outcome {
        self.hubspot.deliver(&attempt(event)).await
    }

    /// Delivers all with one call, or finds that this cannot be.
    pub(crate) async fn deliver_batch(&self, events: &[Event]) -> Batched {
        let attempts: Vec<_> = events.iter().map(attempt).collect();
        self.hubspot.deliver_batch(&attempts).await
    }

    /// Delivers, and shows which calls it took.
    pub(crate) async fn calls_of(&self, event: &Event) -> (Outcome, Vec<String>) {
        self.mock.clear_log();
        let outcome = self.deliver(event).await;
        (outcome, self.mock.log().into_iter().map(|request| request.path).collect())
    }

    /// The properties of the contact with this email, those that we write.
    pub(crate) fn contact(&self, email: &str) -> Option<Value> {
        let state = self.mock.state();
        let mut properties = state["contacts"].get(email)?["properties"].clone();
        let ours = ["email", "firstname", "lastname", "hs_language"];
        properties.as_object_mut()?.retain(|name, _| ours.contains(&name.as_str()));
        Some(properties)
    }

    pub(crate) fn emails(&self) -> Vec<String> {
        self.mock.state()["contacts"].as_object().unwrap().keys().cloned().collect()
    }
}

pub(crate) fn hubspot(settings: HubSpotSettings) -> HubSpot {
    let limits = HttpLimits { whole_call: Duration::from_secs(2), ..HttpLimits::default() };
    HubSpot::new(settings, HttpClient::new("test", limits).unwrap())
}

pub(crate) fn attempt(event: &Event) -> Attempt {
    Attempt::new(event.clone(), key(event), NonZeroU32::MIN)
}

pub(crate) fn settings(changes: &[(&str, &str)]) -> Result<HubSpotSettings, SettingsError> {
    let mut vars = BTreeMap::from([("HUBSPOT_ACCESS_TOKEN".to_owned(), TOKEN.to_owned())]);
    vars.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut reader = Reader::new(&vars);
    let settings = HubSpotSettings::read(&mut reader);
    reader.finish(fanfare_consumer_hubspot::PROGRAM.variables, || settings)
}

pub(crate) fn key(event: &Event) -> IdempotencyKey {
    let destination: DestinationName = "hubspot".parse().unwrap();
    IdempotencyKey::of(event, &destination)
}

/// An event whose data need not be what the type promises.
pub(crate) fn event(event_type: &str, data: &Value) -> Event {
    Event::builder(event_type, "/signup").data(data).build().unwrap()
}

pub(crate) fn registered(email: &str) -> Event {
    event(
        "user.registered",
        &json!({ "user_id": "u-1", "email": email, "registered_at": "2026-01-02T03:04:05Z" }),
    )
}

pub(crate) fn moved(from: &str, to: &str) -> Event {
    let payload = UserUpdated {
        user_id: "u-1".into(),
        email: to.into(),
        previous_email: Some(from.into()),
        first_name: Some("Ada".into()),
        last_name: None,
        locale: None,
    };
    Event::of("/signup", &payload).unwrap()
}

pub(crate) fn deleted(email: &str) -> Event {
    let payload = UserDeleted { user_id: "u-1".into(), email: email.into() };
    Event::of("/signup", &payload).unwrap()
}

pub(crate) fn reason(outcome: &Outcome) -> &str {
    &outcome.reason().unwrap().text
}
