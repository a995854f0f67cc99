//! `--check`: whether everything that a consumer needs can be reached.

use fanfare_process::telemetry::Chain;
use fanfare_process::{Exit, broker_is_reached};
use tracing::{error, info};

use super::Consumer;
use crate::destination::Destination;
use crate::http::{HttpClient, Resolver};
use crate::shared::RedisAddress;

impl<D: Destination> Consumer<D> {
    pub(super) async fn check(&self) -> Exit {
        let mut exit = broker_is_reached(&self.settings.broker).await;
        for address in self.stores() {
            match address.answers().await {
                Ok(()) => info!(%address, "The Redis can be reached"),
                Err(error) => {
                    error!(%address, error = %Chain(&error), "The Redis cannot be reached");
                    exit = Exit::Unreachable;
                }
            }
        }
        let Some((host, port)) = self.destination.address() else { return exit };
        let client = self.destination.client();
        let resolver = client.map_or_else(Resolver::of_the_system, HttpClient::resolver);
        match resolver.dial(&host, port, self.settings.http.connect).await {
            Ok(()) => info!(host, port, "The API can be reached"),
            Err(error) => {
                error!(host, port, error = %Chain(&error), "The API cannot be reached");
                exit = Exit::Unreachable;
            }
        }
        exit
    }

    /// What is shared with other processes, each Redis once.
    fn stores(&self) -> Vec<&RedisAddress> {
        let settings = &self.settings;
        let ledger = settings.ledger.store.redis();
        let rate = settings.rate_limit.and(settings.rate_limit_store.redis());
        let rate = rate.filter(|rate| ledger.is_none_or(|ledger| !ledger.is_same_as(rate)));
        ledger.into_iter().chain(rate).collect()
    }
}
