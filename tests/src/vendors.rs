//! The destinations of the house, delivering to a mock.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare_consumer_hubspot::{HubSpot, HubSpotSettings};
use fanfare_consumer_sendgrid::{SendGrid, SendGridSettings};
use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_process::settings::Reader;
use fanfare_sandbox::mock::MockApi;

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
