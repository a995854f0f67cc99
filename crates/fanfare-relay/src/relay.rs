//! The relay as a process: everything around the library's.

use std::error::Error;
use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use fanfare_broker::topology::{DeclareError, Topology, declare};
use fanfare_process::admin::Admin;
use fanfare_process::health::{Condition, Health};
use fanfare_process::settings::{Reader, Vars};
use fanfare_process::telemetry::{self, Chain};
use fanfare_process::{Exit, Start, TopologyMode};
use fanfare_producer::{Producer, ProducerConfig};
use prometheus_client::registry::Registry;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::PROGRAM;
use crate::check::check;
use crate::database::Outbox;
use crate::metrics::{Published, StatusGauges};
use crate::settings::{RelaySettings, TableMode};

/// A relay that is ready to run.
#[derive(Debug)]
pub struct Relay {
    settings: RelaySettings,
    check: bool,
}

/// Between looks at how the outbox stands.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Between attempts to find the database or the broker.
const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(500), Duration::from_secs(10));

impl Relay {
    /// Reads the program's arguments (its own name left out) and settings.
    ///
    /// # Errors
    ///
    /// The exit code, when there is nothing to run; why has been printed.
    pub fn from_environment(
        arguments: impl IntoIterator<Item = String>,
        vars: &dyn Vars,
    ) -> Result<Self, Exit> {
        let check = match PROGRAM.start(arguments) {
            Start::Run { check } => check,
            Start::Printed(exit) => return Err(exit),
        };
        let mut reader = Reader::new(vars);
        let settings = RelaySettings::read(&mut reader);
        let settings = reader
            .finish(PROGRAM.variables, || settings)
            .map_err(|error| PROGRAM.refuse(&error))?;
        telemetry::init(&settings.process);
        Ok(Self { settings, check })
    }

    /// Publishes until `shutdown`, then waits for the confirms of what is on its way.
    ///
    /// With `--check`, looks whether everything can be reached and ends.
    pub async fn run(self, shutdown: CancellationToken) -> Exit {
        let outbox = Outbox::at(&self.settings.database);
        if self.check {
            return check(&self.settings, &outbox).await;
        }
        let RelaySettings { broker, namespace, .. } = &self.settings;
        let config = ProducerConfig::in_namespace(broker.clone(), namespace.clone());
        let producer = Producer::start(config.name("fanfare relay"));
        let health = Health::new();
        let readable = health.condition("outbox readable");
        let mut registry = Registry::default();
        let gauges = StatusGauges::register(&mut registry);
        let relay = outbox.relay(producer.clone(), self.settings.options.clone());
        Published::register(&mut registry, relay.counts());
        let address = self.settings.process.admin_addr;
        let admin = match Admin::start(address, &health, registry, &shutdown).await {
            Ok(admin) => admin,
            Err(exit) => return exit,
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.until_all_stands(&outbox) => {
                info!(outbox = %self.settings.database, "Relaying");
                tokio::select! {
                    () = relay.run(shutdown.clone()) => {}
                    () = watch(&outbox, &gauges, &readable) => {}
                }
            }
        }
        health.shut_down();
        producer.close().await;
        shutdown.cancel();
        admin.ended().await;
        info!("Stopped");
        Exit::Done
    }

    /// The outbox's tables, and the exchange that is published to.
    async fn until_all_stands(&self, outbox: &Outbox) {
        match self.settings.table {
            TableMode::Create => until_well("The outbox", async || outbox.migrate().await).await,
            TableMode::Verify => until_well("The outbox", async || outbox.status().await).await,
        }
        if self.settings.topology == TopologyMode::Declare {
            until_well("The broker", async || self.declare().await).await;
        }
    }

    async fn declare(&self) -> Result<(), DeclareError> {
        let RelaySettings { broker, namespace, .. } = &self.settings;
        declare(broker, &Topology::of_namespace(namespace)).await
    }
}

/// Tries again and again: a database or a broker that starts later is waited for.
async fn until_well<T, E: Error + 'static>(what: &str, attempt: impl AsyncFn() -> Result<T, E>) {
    for failures in 1u32.. {
        let Err(error) = attempt().await else { return };
        let pause = PAUSES.after(failures);
        let retry_in_ms = pause.as_millis();
        warn!(failures, retry_in_ms, error = %Chain(&error), "{what} is not ready, will try again");
        sleep(pause).await;
    }
}

/// Shows how the outbox stands. Its troubles are the relay's, which tells of them.
async fn watch(outbox: &Outbox, gauges: &StatusGauges, readable: &Condition) {
    loop {
        let status = outbox.status().await;
        readable.set(status.is_ok());
        if let Ok(status) = status {
            gauges.show(&status);
        }
        sleep(LOOK_EVERY).await;
    }
}
