//! `--check`: whether everything that the relay needs can be reached.

use fanfare_process::telemetry::Chain;
use fanfare_process::{Exit, broker_is_reached};
use tracing::{error, info};

use crate::database::Outbox;
use crate::settings::{RelaySettings, TableMode};

/// Changes nothing: tables that are missing are created at the start, unless the settings say
/// that somebody else does.
pub(crate) async fn check(settings: &RelaySettings, outbox: &Outbox) -> Exit {
    let mut exit = broker_is_reached(&settings.broker).await;
    if let Err(error) = look(settings, outbox).await {
        let outbox = &settings.database;
        error!(%outbox, error = %Chain(&error), "The outbox cannot be read");
        exit = Exit::Unreachable;
    }
    exit
}

async fn look(settings: &RelaySettings, outbox: &Outbox) -> Result<(), sqlx::Error> {
    outbox.reached().await?;
    match outbox.status().await {
        Ok(status) => info!(pending = status.pending, "The outbox can be read"),
        // Whoever lets us in and has no outbox yet will be given one.
        Err(sqlx::Error::Database(_)) if settings.table == TableMode::Create => {
            info!("The database can be reached; the outbox will be created");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
