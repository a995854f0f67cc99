//! The two APIs of the demo: mocks, what goes wrong with them, and their mending.

use std::time::Duration;

use anyhow::Context;
use fanfare_events::{DestinationName, IdempotencyKey};
use serde_json::json;

use super::people::{ACCENTED, AT_HARBOUR, AT_MERIDIAN};
use super::weather::Weather;
use crate::mock::{Api, Control, Fault, MockApi, Options, RequestRecord, Rule};

/// One mocked API and what the demo knows about it.
#[derive(Debug)]
pub(super) struct DemoApi {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) destination: DestinationName,
    pub(super) mock: MockApi,
    /// Events of these types reach the API without their key, so only the consumer knows.
    keyless_types: &'static [&'static str],
    /// Whether events about the same contact may reach the API as one, with the last one's key.
    pub(super) merges: bool,
    /// Whether a repetition has no second effect, as long as nobody else wrote in between.
    pub(super) is_idempotent: bool,
    /// What the API refuses when all is well.
    refuses: Option<Rule>,
    /// What the API fails on until it is mended.
    fails_on: Rule,
    weather: Weather,
}

/// What a consumer authenticates with; a mock takes any.
pub(super) const TOKEN: &str = "demo";

/// Calls take so long when nothing goes wrong, and up to this much longer.
const LATENCY: Duration = Duration::from_millis(4);
const JITTER: Duration = Duration::from_millis(16);

/// SendGrid's words for an address whose local part is not ASCII.
const NOT_ASCII: &str =
    "The email address contains Unicode in its local part, which is not supported.";

/// Both APIs, for a run of `events` events; nothing goes wrong yet.
pub(super) async fn start(events: usize) -> anyhow::Result<[DemoApi; 2]> {
    let hubspot = DemoApi {
        name: "hubspot",
        title: "HubSpot",
        destination: "hubspot".parse().context("a destination's name")?,
        mock: mock(Api::HubSpot, events).await?,
        keyless_types: &["user.deleted"],
        merges: true,
        is_idempotent: true,
        refuses: None,
        fails_on: Rule::body_contains(AT_MERIDIAN, Fault::status(500)),
        weather: Weather::for_calls(events, 1),
    };
    let not_ascii = json!({ "errors": [{
        "message": NOT_ASCII, "field": "personalizations.0.to.0.email", "help": null,
    }] });
    let sendgrid = DemoApi {
        name: "sendgrid",
        title: "SendGrid",
        destination: "sendgrid".parse().context("a destination's name")?,
        mock: mock(Api::SendGrid, events).await?,
        keyless_types: &[],
        merges: false,
        is_idempotent: false,
        refuses: Some(Rule::body_contains(
            ACCENTED,
            Fault::status(400).body(not_ascii.to_string()),
        )),
        fails_on: Rule::body_contains(AT_HARBOUR, Fault::status(500)),
        weather: Weather::for_calls(events, 2),
    };
    Ok([hubspot, sendgrid])
}

/// Has HubSpot delete `addresses` for privacy; it refuses them for ever after.
pub(super) async fn forget(
    hubspot: &DemoApi,
    addresses: impl Iterator<Item = String>,
) -> anyhow::Result<()> {
    let http = reqwest::Client::builder().no_proxy().build().context("an HTTP client")?;
    let url = format!("{}/crm/v3/objects/contacts/gdpr-delete", hubspot.mock.base_url());
    for address in addresses {
        let body = json!({ "objectId": address, "idProperty": "email" }).to_string();
        let request = http.post(&url).bearer_auth(TOKEN).body(body);
        let answer = request.send().await.context("the mock HubSpot does not answer")?;
        answer.error_for_status().context("the mock HubSpot does not forget an address")?;
    }
    // What was set up is not part of what is counted.
    hubspot.mock.clear_log();
    Ok(())
}

async fn mock(api: Api, events: usize) -> anyhow::Result<MockApi> {
    let usual = Options::default();
    // Every attempt must be in the log until the balance is made.
    let max_log_requests = usual.max_log_requests.max(events.saturating_mul(8));
    let options = Options { max_log_requests, ..usual };
    MockApi::start(api, options).await.context("a mock API cannot be served")
}

impl DemoApi {
    pub(super) fn key(&self, event: &fanfare_events::Event) -> IdempotencyKey {
        IdempotencyKey::of(event, &self.destination)
    }

    /// Whether a delivered event of this type is in the mock's tally.
    pub(super) fn tallies(&self, event_type: &str) -> bool {
        !self.keyless_types.contains(&event_type)
    }

    /// From now on things go wrong.
    pub(super) fn misbehave(&self) -> anyhow::Result<()> {
        let steady = self.refuses.iter().chain([&self.fails_on]).cloned();
        self.control(steady.chain(self.weather.rules()).collect())
    }

    /// From now on only what is really invalid is refused.
    pub(super) fn mend(&self) -> anyhow::Result<()> {
        // Lets go of connections that still hang.
        self.mock.heal();
        self.control(self.refuses.iter().cloned().collect())
    }

    fn control(&self, rules: Vec<Rule>) -> anyhow::Result<()> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let control = Control { rules, ..Control::latency(millis(LATENCY), millis(JITTER)) };
        self.mock.control(control).with_context(|| format!("{} takes no control", self.title))
    }
}

/// Whether the API may have done what it was asked for while its answer was withheld.
pub(super) fn is_withheld(request: &RequestRecord) -> bool {
    request.fault.is_some_and(|fault| fault.ends_with("after_read") || fault == "truncate")
}
