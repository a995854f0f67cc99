//! The destinations of the house, delivering to a mock: in the test's process, and as programs.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare_consumer_hubspot::{HubSpot, HubSpotSettings};
use fanfare_consumer_sendgrid::{SendGrid, SendGridSettings};
use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_process::settings::Reader;
use fanfare_sandbox::mock::MockApi;

use crate::process::ProgramSettings;

/// A mock API, and the program that delivers to it.
#[derive(Debug)]
pub struct Vendor {
    /// The API.
    pub mock: MockApi,
    /// The destination's name.
    pub name: &'static str,
    /// The program's name.
    pub program: &'static str,
    settings: ProgramSettings,
}

impl Vendor {
    /// HubSpot, where an event that is delivered twice changes nothing the second time.
    pub async fn hubspot() -> Self {
        let mock = MockApi::hubspot().await.expect("loopback has free ports");
        let settings = ProgramSettings::default()
            .set("HUBSPOT_BASE_URL", mock.base_url())
            .set("HUBSPOT_ACCESS_TOKEN", "canary");
        Self { mock, name: "hubspot", program: "fanfare-consumer-hubspot", settings }
    }

    /// SendGrid, where an event that is delivered twice is two mails.
    pub async fn sendgrid() -> Self {
        let mock = MockApi::sendgrid().await.expect("loopback has free ports");
        let settings = ProgramSettings::default()
            .set("SENDGRID_BASE_URL", mock.base_url())
            .set("SENDGRID_API_KEY", "SG.canary")
            .set("SENDGRID_FROM_EMAIL", "hello@example.com");
        Self { mock, name: "sendgrid", program: "fanfare-consumer-sendgrid", settings }
    }

    /// What the program is told about the mock, for a consumer of `namespace` at `url`.
    pub fn settings(&self, url: &str, namespace: &str) -> ProgramSettings {
        let settings = self.settings.clone();
        settings.set("FANFARE_AMQP_URL", url).set("FANFARE_NAMESPACE", namespace)
    }
}

/// HubSpot at `mock`, with `variables` on top of the defaults.
pub fn hubspot(mock: &MockApi, variables: &[(&str, &str)]) -> HubSpot {
    let base_url = mock.base_url();
    let own = [("HUBSPOT_BASE_URL", base_url.as_str()), ("HUBSPOT_ACCESS_TOKEN", "canary")];
    HubSpot::new(read(&own, variables, HubSpotSettings::read), http())
}

/// SendGrid at `mock`, with `variables` on top of the defaults.
pub fn sendgrid(mock: &MockApi, variables: &[(&str, &str)]) -> SendGrid {
    let base_url = mock.base_url();
    let own = [
        ("SENDGRID_BASE_URL", base_url.as_str()),
        ("SENDGRID_API_KEY", "SG.canary"),
        ("SENDGRID_FROM_EMAIL", "hello@example.com"),
    ];
    SendGrid::new(read(&own, variables, SendGridSettings::read), http())
}

fn read<T>(
    own: &[(&str, &str)],
    variables: &[(&str, &str)],
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> T {
    let vars: BTreeMap<String, String> = own
        .iter()
        .chain(variables)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut reader = Reader::new(&vars);
    let settings = read(&mut reader);
    reader.finish(&[], || settings).expect("the test's settings are valid")
}

/// Gives up on a call after two seconds, as [`KeyedSink`](crate::KeyedSink) does.
fn http() -> HttpClient {
    let limits = HttpLimits { whole_call: Duration::from_secs(2), ..HttpLimits::default() };
    HttpClient::new("fanfare-tests", limits).expect("a client can be made")
}
