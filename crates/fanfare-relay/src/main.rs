//! `fanfare-relay`: publishes what a service wrote into its outbox.

use fanfare_process::settings::Environment;
use fanfare_process::{Exit, shutdown};
use fanfare_relay::Relay;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let relay = match Relay::from_environment(std::env::args().skip(1), &Environment) {
        Ok(relay) => relay,
        Err(exit) => return exit,
    };
    shutdown::until_signalled(|stop| relay.run(stop)).await
}
