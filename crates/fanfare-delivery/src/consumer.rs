//! A consumer process: everything around the engine.

use std::sync::Arc;
use std::time::Duration;

use fanfare_broker::topology::{Depth, DestinationPlan, Drift, Topology, declare, verify};
use fanfare_broker::{
    ExponentialPauses, Inspector, Publisher, PublisherOptions, Subscription, SubscriptionOptions,
};
use fanfare_process::health::Health;
use fanfare_process::settings::{Reader, Vars};
use fanfare_process::telemetry::{self, Chain};
use fanfare_process::{Exit, Program, Start, TopologyMode, admin};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::batch::Batcher;
use crate::destination::Destination;
use crate::engine::{Engine, EngineOptions};
use crate::http::{HttpClient, Resolver};
use crate::ledger::{Ledger, SharedLedger, SharedOptions};
use crate::metrics::Metrics;
use crate::permits::Permits;
use crate::reports::Reports;
use crate::settings::ConsumerSettings;
use crate::shared::Store;
use crate::successor::Successors;

/// A consumer that is ready to run.
#[derive(Debug)]
pub struct Consumer<D> {
    destination: D,
    settings: ConsumerSettings,
    program: &'static str,
    check: bool,
}

/// Pauses between attempts to find the topology whole at the start.
const TOPOLOGY_PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(500), Duration::from_secs(10));
/// The engine's own deadline lies behind the client's, which knows more about the call.
const DEADLINE_SLACK: Duration = Duration::from_secs(1);
/// A claim outlives the longest call by what comes before and after it.
const LEASE_SLACK: Duration = Duration::from_secs(10);
/// Reports without a verdict; more are dropped.
const REPORTS_WINDOW: usize = 256;
/// Reports are small, and so may be the room that their connection takes.
const REPORTS_FRAME_BYTES: u32 = 16 * 1024;
const REPORTS_HEADERS: usize = 8 * 1024;
/// How long the last confirms may take once everything else is done.
const LAST_CONFIRMS: Duration = Duration::from_secs(5);
/// A message is a successor whatever its size: it was small enough to arrive.
const ANY_SIZE: usize = 512 * 1024 * 1024;
/// What fits the frame that all headers travel in, with room for the frame itself.
const ANY_HEADERS: usize = 120 * 1024;

impl<D: Destination> Consumer<D> {
    /// Reads a program's arguments (its own name left out) and settings.
    ///
    /// `api` names the destination unless `FANFARE_DESTINATION` does. `read` reads the
    /// destination's own settings, `build` makes it from them and an HTTP client that
    /// keeps the limits of every destination.
    ///
    /// # Errors
    ///
    /// The exit code, when there is nothing to run; why has been printed.
    pub fn from_environment<S>(
        program: &Program,
        api: &str,
        arguments: impl IntoIterator<Item = String>,
        vars: &dyn Vars,
        read: impl FnOnce(&mut Reader<'_>) -> Option<S>,
        build: impl FnOnce(S, HttpClient) -> D,
    ) -> Result<Self, Exit> {
        let check = match program.start(arguments) {
            Start::Run { check } => check,
            Start::Printed(exit) => return Err(exit),
        };
        let mut reader = Reader::new(vars);
        let settings = ConsumerSettings::read(&mut reader, api);
        let own = read(&mut reader);
        let (settings, own) = reader
            .finish(program.variables, || Some((settings?, own?)))
            .map_err(|error| program.refuse(&error))?;
        telemetry::init(&settings.process);

        let user_agent = format!("{}/{}", program.name, env!("CARGO_PKG_VERSION"));
        let http = HttpClient::new(&user_agent, settings.http.clone()).map_err(|error| {
            error!(error = %Chain(&error), "Cannot start");
            Exit::Failed
        })?;
        Ok(Self { destination: build(own, http), settings, program: program.name, check })
    }

    /// A consumer with settings that are at hand, such as in a test.
    pub fn new(program: &'static str, settings: ConsumerSettings, destination: D) -> Self {
        Self { destination, settings, program, check: false }
    }

    /// Delivers until `shutdown`, then finishes what was started.
    ///
    /// With `--check`, looks whether everything can be reached and ends.
    pub async fn run(self, shutdown: CancellationToken) -> Exit {
        if self.check {
            return self.check().await;
        }
        let health = Health::new();
        let mut registry = Registry::default();
        let metrics = Metrics::new(&mut registry, self.settings.destination.as_str());
        // Until the engine is consuming, and for good reason.
        let _consuming = health.condition("consuming");
        let admin = match self.serve_admin(&health, registry, &shutdown).await {
            Ok(admin) => admin,
            Err(exit) => return exit,
        };
        let Some(()) = self.topology_stands(&shutdown).await else { return Exit::Done };
        let exit = self.consume(&health, metrics, &shutdown).await;
        shutdown.cancel();
        if let Some(admin) = admin
            && let Err(error) = admin.await
        {
            warn!(error = %Chain(&error), "The admin endpoints did not end well");
        }
        exit
    }

    async fn consume(
        self,
        health: &Health,
        metrics: Metrics,
        shutdown: &CancellationToken,
    ) -> Exit {
        let ledger = match self.open_ledger(&metrics).await {
            Ok(ledger) => ledger,
            Err(exit) => return exit,
        };
        let settings = self.settings;
        let call_deadline = call_deadline(&settings);
        let batching = self.destination.batching();
        let (prefetch, at_hand) = (settings.prefetch(batching), settings.at_hand(batching));
        let label = format!("fanfare {}", settings.destination);
        let publisher = Publisher::start(
            &settings.broker,
            &format!("{label} publishes"),
            PublisherOptions {
                body_limit: ANY_SIZE,
                headers_limit: ANY_HEADERS,
                ..PublisherOptions::default()
            },
        );
        // Not on the same channel: a report that is refused would close it, and every
        // successor on its way would be published again.
        let reporter = Publisher::start(
            &settings.broker,
            &format!("{label} reports"),
            PublisherOptions {
                window: REPORTS_WINDOW,
                frame_max: Some(REPORTS_FRAME_BYTES),
                headers_limit: REPORTS_HEADERS,
                ..PublisherOptions::default()
            },
        );
        let subscription = Subscription::start(
            &settings.broker,
            &format!("{label} consumes"),
            SubscriptionOptions { queue: settings.names.queue().to_owned(), prefetch },
        );
        let wired = Successors::new(publisher.clone(), settings.names.clone()).and_then(|next| {
            let destination = settings.destination.as_str();
            Ok((next, Reports::new(reporter.clone(), &settings.namespace, destination)?))
        });
        let (successors, reports) = match wired {
            Ok(wired) => wired,
            Err(error) => {
                error!(error = %Chain(&error), "Cannot start");
                return Exit::Settings;
            }
        };
        let engine = Engine {
            batcher: batching.map(Batcher::new),
            permits: Permits::new(settings.max_concurrency.get(), settings.rate_limit),
            destination: self.destination,
            name: settings.destination,
            options: EngineOptions {
                at_hand,
                prefetch,
                call_deadline,
                retry: settings.retry,
                event_types: settings.event_types,
                shutdown_grace: settings.process.shutdown_grace,
            },
            successors,
            ledger,
            metrics,
            consumer: format!("{} {}", self.program, env!("CARGO_PKG_VERSION")),
        };
        engine.run(subscription, reports, health, shutdown).await;
        let closed =
            async { tokio::join!(publisher.close(), reporter.close(), engine.ledger.close()) };
        if tokio::time::timeout(LAST_CONFIRMS, closed).await.is_err() {
            warn!("The last confirms did not come in time");
        }
        info!("Stopped");
        Exit::Done
    }

    async fn open_ledger(&self, metrics: &Metrics) -> Result<Ledger, Exit> {
        let settings = &self.settings;
        let Store::Redis(address) = &settings.ledger.store else { return Ok(Ledger::memory()) };
        let options = SharedOptions {
            lease: call_deadline(settings).saturating_add(LEASE_SLACK),
            down: settings.ledger.down,
            unavailable: metrics.ledger_unavailable(),
        };
        let namespace = settings.namespace.as_str();
        let ledger =
            SharedLedger::connect(address, namespace, &settings.destination, options).await;
        ledger.map(Ledger::Shared).map_err(|error| {
            error!(%address, error = %Chain(&error), "Cannot start");
            Exit::Settings
        })
    }

    async fn serve_admin(
        &self,
        health: &Health,
        registry: Registry,
        shutdown: &CancellationToken,
    ) -> Result<Option<tokio::task::JoinHandle<()>>, Exit> {
        let Some(address) = self.settings.process.admin_addr else { return Ok(None) };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            error!(%address, error = %Chain(&error), "Cannot listen for the admin endpoints");
            Exit::Failed
        })?;
        let serving =
            admin::serve(listener, health.clone(), Arc::new(registry), shutdown.child_token());
        Ok(Some(tokio::spawn(async move {
            if let Err(error) = serving.await {
                warn!(error = %Chain(&error), "The admin endpoints ended");
            }
        })))
    }

    /// Declares or verifies, again and again; `None` when shut down meanwhile.
    async fn topology_stands(&self, shutdown: &CancellationToken) -> Option<()> {
        let topology = self.topology();
        for failures in 1u32.. {
            let stands = tokio::select! {
                stands = self.bring_about(&topology) => stands,
                () = shutdown.cancelled() => return None,
            };
            let Err(why) = stands else { return Some(()) };
            let pause = TOPOLOGY_PAUSES.after(failures);
            warn!(
                destination = %self.settings.destination,
                failures,
                retry_in_ms = crate::clock::as_ms(pause),
                error = why,
                "The broker is not ready for this destination, will try again"
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return None,
            }
        }
        None
    }

    async fn bring_about(&self, topology: &Topology) -> Result<(), String> {
        match self.settings.topology {
            TopologyMode::Declare => declare(&self.settings.broker, topology)
                .await
                .map_err(|error| Chain(&error).to_string()),
            TopologyMode::Verify => {
                let findings = verify(&self.settings.broker, topology, Depth::Existence)
                    .await
                    .map_err(|error| Chain(&error).to_string())?;
                let missing: Vec<_> = findings
                    .into_iter()
                    .filter(|finding| finding.drift == Drift::Missing)
                    .map(|finding| finding.object)
                    // Declared before there were control logs: events flow without one.
                    .filter(|object| !object.ends_with(&self.settings.names.control()))
                    .collect();
                match missing.as_slice() {
                    [] => Ok(()),
                    [first, ..] => Err(format!(
                        "{} objects are missing, the first is {first}; \
                         `fanfare topology apply` declares them",
                        missing.len()
                    )),
                }
            }
        }
    }

    fn topology(&self) -> Topology {
        let plan = DestinationPlan {
            names: self.settings.names.clone(),
            subscriptions: self.settings.event_types.patterns().to_vec(),
            ordered: false,
        };
        Topology::of(&self.settings.namespace, &[plan])
    }

    async fn check(&self) -> Exit {
        let mut exit = Exit::Done;
        match Inspector::connect(&self.settings.broker).await {
            Ok(inspector) => {
                info!("The broker can be reached");
                inspector.close().await;
            }
            Err(error) => {
                error!(error = %Chain(&error), "The broker cannot be reached");
                exit = Exit::Unreachable;
            }
        }
        for store in [&self.settings.ledger.store, &self.settings.rate_limit_store] {
            let Store::Redis(address) = store else { continue };
            match address.answers().await {
                Ok(()) => info!(%address, "The Redis can be reached"),
                Err(error) => {
                    error!(%address, error = %Chain(&error), "The Redis cannot be reached");
                    exit = Exit::Unreachable;
                }
            }
        }
        let Some((host, port)) = self.destination.address() else { return exit };
        let client = self.destination.client();
        let resolver = client.map_or_else(Resolver::of_the_system, HttpClient::resolver);
        match resolver.dial(&host, port, self.settings.http.connect).await {
            Ok(()) => info!(host, port, "The API can be reached"),
            Err(error) => {
                error!(host, port, error = %Chain(&error), "The API cannot be reached");
                exit = Exit::Unreachable;
            }
        }
        exit
    }
}

fn call_deadline(settings: &ConsumerSettings) -> Duration {
    settings.http.whole_call.saturating_add(DEADLINE_SLACK)
}
