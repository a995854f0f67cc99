//! `fanfare-consumer-hubspot`: delivers user events to HubSpot contacts.

use fanfare_consumer_hubspot::{HubSpot, HubSpotSettings, PROGRAM};
use fanfare_delivery::Consumer;
use fanfare_process::settings::Environment;
use fanfare_process::{Exit, shutdown, telemetry::Chain};
use tokio_util::sync::CancellationToken;

/// The destination's name, unless `FANFARE_DESTINATION` gives another.
const API: &str = "hubspot";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let consumer = match Consumer::from_environment(
        &PROGRAM,
        API,
        std::env::args().skip(1),
        &Environment,
        HubSpotSettings::read,
        HubSpot::new,
    ) {
        Ok(consumer) => consumer,
        Err(exit) => return exit,
    };
    let stop = CancellationToken::new();
    match shutdown::on_signals(stop.clone()) {
        Ok(_hearing) => consumer.run(stop).await,
        Err(error) => {
            tracing::error!(error = %Chain(&error), "Cannot hear signals");
            Exit::Failed
        }
    }
}
