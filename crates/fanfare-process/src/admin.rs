//! The admin endpoints: `/livez`, `/readyz` and `/metrics`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::health::{Health, Liveness};
use crate::startup::Exit;
use crate::telemetry::Chain;

/// <https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a request that is under way at the end may take.
const LAST_REQUEST: Duration = Duration::from_secs(1);

/// Admin endpoints that are served beside a process's work, if it was told where.
#[derive(Debug)]
pub struct Admin(Option<JoinHandle<()>>);

impl Admin {
    /// Listens at `address` and serves until `shutdown` is cancelled. Without an address it
    /// does nothing.
    ///
    /// # Errors
    ///
    /// The exit code, when the address cannot be listened at; why has been logged.
    pub async fn start(
        address: Option<SocketAddr>,
        health: &Health,
        registry: Registry,
        shutdown: &CancellationToken,
    ) -> Result<Self, Exit> {
        let Some(address) = address else { return Ok(Self(None)) };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            error!(%address, error = %Chain(&error), "Cannot listen for the admin endpoints");
            Exit::Failed
        })?;
        let serving = serve(listener, health.clone(), Arc::new(registry), shutdown.child_token());
        Ok(Self(Some(tokio::spawn(async move {
            if let Err(error) = serving.await {
                warn!(error = %Chain(&error), "The admin endpoints ended");
            }
        }))))
    }

    /// Waits until nothing is served any more, which `shutdown` brings about.
    pub async fn ended(self) {
        if let Some(serving) = self.0
            && let Err(error) = serving.await
        {
            warn!(error = %Chain(&error), "The admin endpoints did not end well");
        }
    }
}

/// Serves the admin endpoints until `shutdown` is cancelled.
///
/// Cancel it last: a draining process is still looked at.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    registry: Arc<Registry>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    info!(address = %listener.local_addr()?, "serving /livez, /readyz and /metrics");
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(health)
        .merge(Router::new().route("/metrics", get(metrics)).with_state(registry));
    let server = axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(LAST_REQUEST).await;
    };
    // A client that never finishes its request must not keep the process.
    tokio::select! {
        served = server => served,
        () = overdue => Ok(()),
    }
}

async fn livez(State(health): State<Health>) -> (StatusCode, String) {
    let liveness = health.liveness();
    let status = match liveness {
        Liveness::Alive => StatusCode::OK,
        Liveness::Stalled { .. } => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, liveness.to_string())
}

async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    let readiness = health.readiness();
    let status =
        if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, readiness.to_string())
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
