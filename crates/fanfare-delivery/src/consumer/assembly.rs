//! A consumer's parts, put together: connections, ledger, engine.

use std::sync::Mutex;
use std::time::Duration;

use fanfare_broker::control::ControlLog;
use fanfare_broker::{
    GivingBack, Publisher, PublisherOptions, Route, RouteError, Subscription, SubscriptionOptions,
};
use fanfare_process::Exit;
use fanfare_process::health::Health;
use fanfare_process::telemetry::Chain;
use redis::RedisError;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::Consumer;
use crate::attempt::LONGEST_LOOK_UPS;
use crate::batch::Batcher;
use crate::destination::Destination;
use crate::engine::{Engine, EngineOptions};
use crate::ledger::{Ledger, SharedLedger, SharedOptions};
use crate::metrics::Metrics;
use crate::ordered::Order;
use crate::outbox::Outbox;
use crate::permits::Permits;
use crate::replicas::Replicas;
use crate::reports::Reports;
use crate::settings::ConsumerSettings;
use crate::shared::RedisAddress;
use crate::shared_rate::{SharedRate, SharedRateOptions};
use crate::successor::Successors;

/// The engine's own deadline lies behind the client's, which knows more about the call.
const DEADLINE_SLACK: Duration = Duration::from_secs(1);
/// A claim outlives the longest call by what comes before and after it.
const LEASE_SLACK: Duration = LONGEST_LOOK_UPS.saturating_add(Duration::from_secs(5));
/// Calls of a process that says nothing for so long count as ended, in a shared rate limit.
const CALLS_OF_THE_SILENT: Duration = Duration::from_secs(10);
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

/// The connections that publish.
struct Publishers {
    /// Successors: retries and dead letters.
    successors: Publisher,
    /// Reports, and what the replicas tell each other. Not on the same channel: a report
    /// that is refused would close it, and every successor on its way would be published
    /// again.
    reports: Publisher,
}

/// What publishes, by its routes.
struct Outlets {
    successors: Successors,
    reports: Reports,
    replicas: Replicas,
}

impl<D: Destination> Consumer<D> {
    pub(super) async fn consume(
        self,
        health: &Health,
        metrics: Metrics,
        shutdown: &CancellationToken,
    ) -> Exit {
        let ledger = match self.open_ledger(&metrics).await {
            Ok(ledger) => ledger,
            Err(exit) => return exit,
        };
        let shared_rate = match self.open_shared_rate(&metrics).await {
            Ok(shared_rate) => shared_rate,
            Err(exit) => return exit,
        };
        let settings = self.settings;
        let call_deadline = call_deadline(&settings);
        let batching = self.destination.batching();
        let (prefetch, at_hand) = (settings.prefetch(batching), settings.at_hand(batching));
        let label = format!("fanfare {}", settings.destination);
        let publishers = Publishers::start(&settings, &label);
        let log = ControlLog::follow(
            &settings.broker,
            &format!("{label} listens"),
            &settings.names.control(),
        );
        let outlets = match publishers.outlets(&settings, log) {
            Ok(outlets) => outlets,
            Err(error) => {
                error!(error = %Chain(&error), "Cannot start");
                return Exit::Settings;
            }
        };
        let Outlets { successors, reports, mut replicas } = outlets;
        let order =
            settings.order.map(|order| Order::new(order, &settings.broker, settings.names.dead()));
        let giving_back = match order {
            None => GivingBack::AtOnce,
            Some(_) => GivingBack::Together,
        };
        let engine = Engine {
            batcher: batching.map(Batcher::new),
            outbox: Outbox::default(),
            loners: Mutex::default(),
            permits: Permits::new(settings.max_concurrency.get(), settings.rate_limit)
                .sharing(shared_rate),
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
        // Whether it is paused is known before anything is taken.
        tokio::select! {
            () = replicas.join(&engine.permits, &engine.outbox) => {}
            () = shutdown.cancelled() => {}
        }
        let subscription = Subscription::start(
            &settings.broker,
            &format!("{label} consumes"),
            SubscriptionOptions { queue: settings.names.queue().to_owned(), prefetch, giving_back },
        );
        match &order {
            None => engine.run(subscription, reports, replicas, health, shutdown).await,
            Some(order) => {
                engine.run_in_order(order, subscription, reports, replicas, health, shutdown).await;
            }
        }
        let closed = async {
            tokio::join!(publishers.close(), engine.ledger.close(), engine.permits.settled())
        };
        if tokio::time::timeout(LAST_CONFIRMS, closed).await.is_err() {
            warn!("The last confirms did not come in time");
        }
        info!("Stopped");
        Exit::Done
    }

    async fn open_ledger(&self, metrics: &Metrics) -> Result<Ledger, Exit> {
        let settings = &self.settings;
        let Some(address) = settings.ledger.store.redis() else { return Ok(Ledger::memory()) };
        let options = SharedOptions {
            lease: lease(settings),
            down: settings.ledger.down,
            unavailable: metrics.ledger_unavailable(),
        };
        let namespace = settings.namespace.as_str();
        let ledger =
            SharedLedger::connect(address, namespace, &settings.destination, options).await;
        ledger.map(Ledger::Shared).map_err(|error| cannot_start(address, &error))
    }

    async fn open_shared_rate(&self, metrics: &Metrics) -> Result<Option<SharedRate>, Exit> {
        let settings = &self.settings;
        let (Some(limit), Some(address)) = (settings.rate_limit, settings.rate_limit_store.redis())
        else {
            return Ok(None);
        };
        let options = SharedRateOptions {
            limit,
            hold: CALLS_OF_THE_SILENT,
            unavailable: metrics.rate_limit_unavailable(),
        };
        let namespace = settings.namespace.as_str();
        let rate = SharedRate::connect(address, namespace, &settings.destination, options).await;
        rate.map(Some).map_err(|error| cannot_start(address, &error))
    }
}

fn cannot_start(address: &RedisAddress, error: &RedisError) -> Exit {
    error!(%address, error = %Chain(error), "Cannot start");
    Exit::Settings
}

impl Publishers {
    fn start(settings: &ConsumerSettings, label: &str) -> Self {
        let successors = PublisherOptions {
            body_limit: ANY_SIZE,
            headers_limit: ANY_HEADERS,
            ..PublisherOptions::default()
        };
        let reports = PublisherOptions {
            window: REPORTS_WINDOW,
            frame_max: Some(REPORTS_FRAME_BYTES),
            headers_limit: REPORTS_HEADERS,
            ..PublisherOptions::default()
        };
        let start =
            |what, options| Publisher::start(&settings.broker, &format!("{label} {what}"), options);
        Self { successors: start("publishes", successors), reports: start("reports", reports) }
    }

    fn outlets(&self, settings: &ConsumerSettings, log: ControlLog) -> Result<Outlets, RouteError> {
        let (namespace, names) = (&settings.namespace, &settings.names);
        let destination = settings.destination.as_str();
        let control = Route::new(&names.control(), "")?;
        Ok(Outlets {
            successors: Successors::new(self.successors.clone(), names.clone())?,
            reports: Reports::new(self.reports.clone(), namespace, destination)?,
            replicas: Replicas::new(log, self.reports.clone(), control, lease(settings)),
        })
    }

    async fn close(self) {
        tokio::join!(self.successors.close(), self.reports.close());
    }
}

fn call_deadline(settings: &ConsumerSettings) -> Duration {
    settings.http.whole_call.saturating_add(DEADLINE_SLACK)
}

/// How long a claim on a key, or the right to probe, outlives a process that died with it.
fn lease(settings: &ConsumerSettings) -> Duration {
    call_deadline(settings).saturating_add(LEASE_SLACK)
}
