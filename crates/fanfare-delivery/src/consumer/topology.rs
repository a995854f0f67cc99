//! What has to stand on the broker before a destination can be consumed.

use std::time::Duration;

use fanfare_broker::topology::{
    DeclareError, Depth, DestinationPlan, Drift, Topology, declare, how_to_change_order, verify,
};
use fanfare_broker::{ExponentialPauses, Inspector};
use fanfare_process::telemetry::Chain;
use fanfare_process::{Exit, TopologyMode};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::settings::ConsumerSettings;

/// Between attempts to find it whole.
const PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(500), Duration::from_secs(10));

/// Why a destination cannot be consumed.
enum NotReady {
    /// It may be later.
    Yet(String),
    /// Its queue has to be declared anew before.
    Ever(String),
}

/// Declares or verifies, again and again. `Err` when shut down meanwhile, or when the queue
/// stands with the other answer to whether it is ordered.
pub(super) async fn stands(
    settings: &ConsumerSettings,
    shutdown: &CancellationToken,
) -> Result<(), Exit> {
    let topology = of(settings);
    for failures in 1u32.. {
        let stands = tokio::select! {
            stands = bring_about(settings, &topology) => stands,
            () = shutdown.cancelled() => return Err(Exit::Done),
        };
        let why = match stands {
            Ok(()) => return Ok(()),
            Err(NotReady::Yet(why)) => why,
            Err(NotReady::Ever(why)) => {
                error!(destination = %settings.destination, error = why, "Cannot start");
                return Err(Exit::Settings);
            }
        };
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
            () = shutdown.cancelled() => return Err(Exit::Done),
        }
    }
    Err(Exit::Done)
}

async fn bring_about(settings: &ConsumerSettings, topology: &Topology) -> Result<(), NotReady> {
    match settings.topology {
        TopologyMode::Declare => {
            declare(&settings.broker, topology).await.map_err(|error| match &error {
                DeclareError::Ordered { .. } => NotReady::Ever(Chain(&error).to_string()),
                DeclareError::Unreachable(_) | DeclareError::Object { .. } => yet(&error),
            })
        }
        TopologyMode::Verify => {
            whole(settings, topology).await?;
            match settings.order {
                Some(_) => one_at_a_time(settings).await,
                None => Ok(()),
            }
        }
    }
}

async fn whole(settings: &ConsumerSettings, topology: &Topology) -> Result<(), NotReady> {
    let findings =
        verify(&settings.broker, topology, Depth::Existence).await.map_err(|error| yet(&error))?;
    let missing: Vec<_> = findings
        .into_iter()
        .filter(|finding| finding.drift == Drift::Missing)
        .map(|finding| finding.object)
        // Declared before there were control logs: events flow without one.
        .filter(|object| !object.ends_with(&settings.names.control()))
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(NotReady::Yet(format!(
            "{} objects are missing, the first is {first}; `fanfare topology apply` declares them",
            missing.len()
        ))),
    }
}

/// Where another replica got deliveries too, nothing would keep them in order.
async fn one_at_a_time(settings: &ConsumerSettings) -> Result<(), NotReady> {
    let queue = settings.names.queue();
    let inspector = Inspector::connect(&settings.broker).await.map_err(|error| yet(&error))?;
    let looked = inspector.is_single_active(queue).await;
    inspector.close().await;
    match looked.map_err(|error| yet(&error))? {
        Some(false) => Err(NotReady::Ever(format!(
            "queue {queue} stands unordered, which cannot be changed; {}",
            how_to_change_order(queue)
        ))),
        Some(true) => Ok(()),
        None => Err(NotReady::Yet(format!("queue {queue} is missing"))),
    }
}

fn yet(error: &dyn std::error::Error) -> NotReady {
    NotReady::Yet(Chain(error).to_string())
}

fn of(settings: &ConsumerSettings) -> Topology {
    let plan = DestinationPlan {
        names: settings.names.clone(),
        ordered: settings.order.is_some(),
        subscriptions: settings.event_types.patterns().to_vec(),
    };
    Topology::of(&settings.namespace, &[plan])
}
