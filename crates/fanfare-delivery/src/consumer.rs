//! A consumer process: everything around the engine.

mod assembly;
mod check;
mod topology;

use fanfare_process::admin::Admin;
use fanfare_process::health::Health;
use fanfare_process::settings::{Reader, Vars};
use fanfare_process::telemetry::{self, Chain};
use fanfare_process::{Exit, Program, Start};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::destination::Destination;
use crate::http::{HttpClient, HttpClientError};
use crate::metrics::Metrics;
use crate::settings::ConsumerSettings;

/// A consumer that is ready to run.
#[derive(Debug)]
pub struct Consumer<D> {
    destination: D,
    settings: ConsumerSettings,
    program: &'static str,
    check: bool,
}

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
        let build = |own, http| Ok(build(own, http));
        Self::try_from_environment(program, api, arguments, vars, read, build)
    }

    /// [`from_environment`](Self::from_environment) for a destination that calls through a
    /// client of its own making, such as a guarded one.
    ///
    /// # Errors
    ///
    /// The exit code, when there is nothing to run; why has been printed.
    pub fn try_from_environment<S>(
        program: &Program,
        api: &str,
        arguments: impl IntoIterator<Item = String>,
        vars: &dyn Vars,
        read: impl FnOnce(&mut Reader<'_>) -> Option<S>,
        build: impl FnOnce(S, HttpClient) -> Result<D, HttpClientError>,
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
        let (limits, files) = (settings.http.clone(), settings.tls.clone());
        let destination = HttpClient::secured(&user_agent, limits, files)
            .and_then(|http| build(own, http))
            .map_err(|error| {
                error!(error = %Chain(&error), "Cannot start");
                Exit::Failed
            })?;
        Ok(Self { destination, settings, program: program.name, check })
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
        let address = self.settings.process.admin_addr;
        let admin = match Admin::start(address, &health, registry, &shutdown).await {
            Ok(admin) => admin,
            Err(exit) => return exit,
        };
        if let Err(exit) = topology::stands(&self.settings, &shutdown).await {
            return exit;
        }
        let exit = self.consume(&health, metrics, &shutdown).await;
        shutdown.cancel();
        admin.ended().await;
        exit
    }
}
