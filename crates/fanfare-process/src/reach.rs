//! `--check`: whether the broker can be reached.

use fanfare_broker::{BrokerConfig, Inspector};
use tracing::{error, info};

use crate::startup::Exit;
use crate::telemetry::Chain;

/// Logs whether the broker lets us in, and says with what a check that asks nothing else ends.
pub async fn broker_is_reached(config: &BrokerConfig) -> Exit {
    match Inspector::connect(config).await {
        Ok(inspector) => {
            info!("The broker can be reached");
            inspector.close().await;
            Exit::Done
        }
        Err(error) => {
            error!(error = %Chain(&error), "The broker cannot be reached");
            Exit::Unreachable
        }
    }
}
