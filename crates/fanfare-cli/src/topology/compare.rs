//! Comparing a topology with what stands on the broker, changing nothing.

use fanfare_broker::BrokerConfig;
use fanfare_broker::topology::{Depth, Drift, Finding, Topology, VerifyError, verify};

use super::bindings;
use super::object::{ObjectState, State};
use super::words::difference;
use crate::management::{Management, ManagementConfig, ManagementError};

/// How every object of a topology stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The objects: exchanges, queues, bindings.
    pub objects: Vec<ObjectState>,
    /// Whether bindings were looked at, which takes the management API.
    pub looked_at_bindings: bool,
}

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The broker.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The management API.
    #[error(transparent)]
    Management(#[from] ManagementError),
}

/// Looks at every exchange and queue over AMQP, and at bindings where `management`
/// can be asked.
pub async fn compare(
    broker: &BrokerConfig,
    management: Option<&ManagementConfig>,
    topology: &Topology,
) -> Result<Comparison, CompareError> {
    let findings = verify(broker, topology, Depth::Arguments).await?;
    let seen = match management {
        Some(config) => Some(Management::new(config)?.bindings().await?),
        None => None,
    };
    let mut objects = found(topology, findings);
    objects.extend(bindings::compared(topology, seen.as_deref()));
    Ok(Comparison { objects, looked_at_bindings: seen.is_some() })
}

impl Comparison {
    /// The objects that somebody has to act on.
    pub fn drift(&self) -> impl Iterator<Item = &ObjectState> {
        self.objects.iter().filter(|object| object.state.is_drift())
    }

    /// The objects that exist with other arguments, which stop a declaration.
    pub fn different(&self) -> impl Iterator<Item = &ObjectState> {
        self.objects.iter().filter(|object| object.state == State::Different)
    }
}

/// Findings come in the order of the topology: exchanges, then queues.
fn found(topology: &Topology, findings: Vec<Finding>) -> Vec<ObjectState> {
    let exchanges = topology.exchanges.iter().map(|e| ObjectState::of_exchange(e, State::Unknown));
    let queues = topology.queues.iter().map(|q| ObjectState::of_queue(q, State::Unknown));
    exchanges
        .chain(queues)
        .zip(findings)
        .map(|(mut object, finding)| {
            (object.state, object.differences) = match finding.drift {
                Drift::None => (State::AsPlanned, Vec::new()),
                Drift::Missing => (State::Missing, Vec::new()),
                Drift::Different(texts) => {
                    (State::Different, texts.iter().map(|text| difference(text)).collect())
                }
                Drift::Unknown(text) => (State::Unknown, vec![text]),
            };
            object
        })
        .collect()
}
