//! `fanfare-consumer-sendgrid`: delivers registration mails through SendGrid.

use fanfare_consumer_sendgrid::{PROGRAM, SendGrid, SendGridSettings};
use fanfare_delivery::Consumer;
use fanfare_process::settings::Environment;
use fanfare_process::{Exit, shutdown};

/// The destination's name, unless `FANFARE_DESTINATION` gives another.
const API: &str = "sendgrid";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let consumer = match Consumer::from_environment(
        &PROGRAM,
        API,
        std::env::args().skip(1),
        &Environment,
        SendGridSettings::read,
        SendGrid::new,
    ) {
        Ok(consumer) => consumer,
        Err(exit) => return exit,
    };
    shutdown::until_signalled(|stop| consumer.run(stop)).await
}
