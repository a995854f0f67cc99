//! The mock APIs, and what is always the matter with them.

use anyhow::Context;
use fanfare_sandbox::mock::{Api, Control, Fault, MockApi, Options, Rule};

use crate::load::{DESTINATIONS, refused_mark};

/// The APIs, by the number of their destination.
#[derive(Debug)]
pub struct Apis(Vec<MockApi>);

/// A call takes so long, and up to [`JITTER_MS`] longer: so consumers die while calls are made.
const LATENCY_MS: u64 = 20;
const JITTER_MS: u64 = 40;

/// Of all calls so many are answered 503, whatever else happens.
const UNAVAILABLE: f64 = 0.02;

impl Apis {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let mut apis = Vec::new();
        for api in [Api::HubSpot, Api::SendGrid, Api::Sink] {
            // Every request of the run is judged.
            let options = Options {
                max_log_requests: 2_000_000,
                max_keys: 4_000_000,
                max_mails: 2_000_000,
                ..Options::default()
            };
            apis.push(MockApi::start(api, options).await.context("a mock API cannot be served")?);
        }
        debug_assert_eq!(apis.len(), DESTINATIONS.len());
        let apis = Self(apis);
        for destination in 0..apis.0.len() {
            apis.calm(destination)?;
        }
        Ok(apis)
    }

    /// The API of a destination.
    pub fn of(&self, destination: usize) -> &MockApi {
        &self.0[destination]
    }

    /// Nothing special: some calls fail, and some events are always refused.
    pub fn calm(&self, destination: usize) -> anyhow::Result<()> {
        self.with(destination, None)
    }

    /// `fault` happens to every call, but those whose event is refused.
    pub fn with(&self, destination: usize, fault: Option<Fault>) -> anyhow::Result<()> {
        let spec = DESTINATIONS[destination];
        let refused = [501, 422].map(|status| {
            Rule::body_contains(refused_mark(status), Fault::status(spec.refusal(status)))
        });
        let unavailable = Rule::sometimes(UNAVAILABLE, 1, Fault::status(503));
        let rules = match &fault {
            // What is always the matter must not be a hole in a storm.
            Some(_) => refused.into_iter().collect(),
            None => refused.into_iter().chain([unavailable]).collect(),
        };
        let control = Control { rules, all: fault, ..Control::latency(LATENCY_MS, JITTER_MS) };
        self.of(destination).control(control).context("a mock API takes no control")
    }

    /// Every event is taken, also those that were refused before.
    pub fn mend(&self, destination: usize) -> anyhow::Result<()> {
        let api = self.of(destination);
        // Lets go of connections that still hang.
        api.heal();
        api.control(Control::latency(LATENCY_MS, JITTER_MS)).context("a mock API takes no control")
    }
}
