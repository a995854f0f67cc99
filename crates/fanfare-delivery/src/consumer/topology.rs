//! What has to stand on the broker before a destination can be consumed.

use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use fanfare_broker::topology::{Depth, DestinationPlan, Drift, Topology, declare, verify};
use fanfare_process::TopologyMode;
use fanfare_process::telemetry::Chain;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::settings::ConsumerSettings;

/// Between attempts to find it whole.
const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(500), Duration::from_secs(10));

/// Declares or verifies, again and again; `None` when shut down meanwhile.
pub(super) async fn stands(
    settings: &ConsumerSettings,
    shutdown: &CancellationToken,
) -> Option<()> {
    let topology = of(settings);
    for failures in 1u32.. {
        let stands = tokio::select! {
            stands = bring_about(settings, &topology) => stands,
            () = shutdown.cancelled() => return None,
        };
        let Err(why) = stands else { return Some(()) };
        let pause = PAUSES.after(failures);
        warn!(
            destination = %settings.destination,
            failures,
            retry_in_ms = crate::clock::as_ms(pause),
            error = why,
            "The broker is not ready for this destination, will try again"
        );
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return None,
        }
    }
    None
}

async fn bring_about(settings: &ConsumerSettings, topology: &Topology) -> Result<(), String> {
    match settings.topology {
        TopologyMode::Declare => {
            declare(&settings.broker, topology).await.map_err(|error| Chain(&error).to_string())
        }
        TopologyMode::Verify => {
            let findings = verify(&settings.broker, topology, Depth::Existence)
                .await
                .map_err(|error| Chain(&error).to_string())?;
            let missing: Vec<_> = findings
                .into_iter()
                .filter(|finding| finding.drift == Drift::Missing)
                .map(|finding| finding.object)
                // Declared before there were control logs: events flow without one.
                .filter(|object| !object.ends_with(&settings.names.control()))
                .collect();
            match missing.as_slice() {
                [] => Ok(()),
                [first, ..] => Err(format!(
                    "{} objects are missing, the first is {first}; \
                     `fanfare topology apply` declares them",
                    missing.len()
                )),
            }
        }
    }
}

fn of(settings: &ConsumerSettings) -> Topology {
    let plan = DestinationPlan {
        names: settings.names.clone(),
        ordered: false,
        subscriptions: settings.event_types.patterns().to_vec(),
    };
    Topology::of(&settings.namespace, &[plan])
}
