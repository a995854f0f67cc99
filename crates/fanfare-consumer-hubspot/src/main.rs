//! `fanfare-consumer-hubspot`: delivers user events to HubSpot contacts.

use fanfare_consumer_hubspot::{HubSpot, HubSpotSettings, PROGRAM};
use fanfare_delivery::Consumer;
use fanfare_process::settings::Environment;
use fanfare_process::{Exit, shutdown};

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
    shutdown::until_signalled(|stop| consumer.run(stop)).await
}
