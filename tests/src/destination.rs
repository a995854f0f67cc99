//! A consumer inside the test's process, delivering to a mock.

use std::collections::BTreeMap;
use std::time::Duration;

use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_delivery::{Attempt, Consumer, ConsumerSettings, Destination, Outcome};
use fanfare_process::Exit;
use fanfare_process::settings::Reader;
use fanfare_sandbox::mock::MockApi;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::World;

/// A destination that posts the event with its key, as simply as can be.
#[derive(Debug)]
pub struct KeyedSink {
    http: HttpClient,
    url: String,
}

/// A consumer that runs until it is stopped.
#[derive(Debug)]
pub struct RunningConsumer {
    shutdown: CancellationToken,
    running: JoinHandle<Exit>,
}

impl KeyedSink {
    /// Posts to `url`, giving up on a call after two seconds.
    pub fn new(url: impl Into<String>) -> Self {
        let limits = HttpLimits { whole_call: Duration::from_secs(2), ..HttpLimits::default() };
        let http = HttpClient::new("fanfare-tests", limits).expect("a client can be made");
        Self::calling(http, url)
    }

    /// Posts to `url` by `http`.
    pub fn calling(http: HttpClient, url: impl Into<String>) -> Self {
        Self { http, url: url.into() }
    }
}

impl Destination for KeyedSink {
    fn handles(&self, _event_type: &str) -> bool {
        true
    }

    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        let request = self
            .http
            .post(&self.url)
            .header("idempotency-key", attempt.key().to_string())
            .body(attempt.event().to_json());
        self.http.call(request).await.into()
    }
}

impl RunningConsumer {
    /// Delivers `world`'s events for `name` to `mock`, with `variables` on top of the defaults.
    pub fn start(world: &World, name: &str, mock: &MockApi, variables: &[(&str, &str)]) -> Self {
        Self::with(world, name, KeyedSink::new(mock.base_url()), variables)
    }

    /// Delivers `world`'s events for `name` to `destination`.
    pub fn with<D: Destination>(
        world: &World,
        name: &str,
        destination: D,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut vars: BTreeMap<String, String> = [
            ("FANFARE_AMQP_URL", world.url()),
            ("FANFARE_NAMESPACE", world.namespace().as_str()),
            ("FANFARE_DESTINATION", name),
        ]
        .into_iter()
        .chain(variables.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        // A call ends after two seconds in KeyedSink; the engine should not wait longer.
        vars.entry("FANFARE_TIMEOUT".into()).or_insert_with(|| "3s".into());
        let mut reader = Reader::new(&vars);
        let settings = ConsumerSettings::read(&mut reader, name);
        let settings = reader.finish(&[], || settings).expect("the test's settings are valid");

        let shutdown = CancellationToken::new();
        let consumer = Consumer::new("fanfare-tests", settings, destination);
        let running = tokio::spawn(consumer.run(shutdown.clone()));
        Self { shutdown, running }
    }

    /// Ends it as SIGTERM would.
    pub async fn stop(self) {
        self.shutdown.cancel();
        assert_eq!(self.running.await.expect("a consumer does not panic"), Exit::Done);
    }

    /// Ends it as a crash would: nothing is finished, nothing is acked.
    pub fn crash(self) {
        self.running.abort();
    }
}
