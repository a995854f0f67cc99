//! `fanfare-consumer-webhook`: delivers every event as a signed webhook.

use fanfare_consumer_webhook::{PROGRAM, Webhook, WebhookSettings};
use fanfare_delivery::Consumer;
use fanfare_process::settings::Environment;
use fanfare_process::{Exit, shutdown};

/// The destination's name, unless `FANFARE_DESTINATION` gives another.
const API: &str = "webhook";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let consumer = match Consumer::try_from_environment(
        &PROGRAM,
        API,
        std::env::args().skip(1),
        &Environment,
        WebhookSettings::read,
        Webhook::new,
    ) {
        Ok(consumer) => consumer,
        Err(exit) => return exit,
    };
    shutdown::until_signalled(|stop| consumer.run(stop)).await
}
