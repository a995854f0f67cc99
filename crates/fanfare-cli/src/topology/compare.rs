//! Comparing a topology with what stands on the broker, changing nothing.

use fanfare_broker::BrokerConfig;
use fanfare_broker::topology::{
    Depth, Drift, Finding, SINGLE_ACTIVE_CONSUMER, Topology, VerifyError, verify,
};

use super::bindings;
use super::object::{ObjectState, State};
use super::words::{difference, refusal};
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

    /// The objects that the user may not look at.
    pub fn hidden(&self) -> impl Iterator<Item = &ObjectState> {
        self.objects.iter().filter(|object| object.state == State::Unknown)
    }

    /// How many objects stand as planned, differ, and may not be looked at.
    pub fn summary(&self) -> String {
        let count = |state| self.objects.iter().filter(|object| object.state == state).count();
        let asked_about = self.objects.len() - count(State::NotLookedAt);
        let as_planned = count(State::AsPlanned);
        let mut summary = format!("{as_planned} of {asked_about} objects stand as planned");
        for (count, what) in [
            (count(State::Missing), "are missing"),
            (count(State::Different) + count(State::Unplanned), "differ"),
            (count(State::Unknown), "could not be looked at (the broker user has no right to)"),
        ] {
            if count > 0 {
                summary.push_str(&format!(", {count} {what}"));
            }
        }
        summary
    }

    /// The queues that would have to be ordered and are not, or the other way round.
    pub fn with_other_order(&self) -> impl Iterator<Item = &str> {
        let differs = |object: &&ObjectState| {
            object.differences.iter().any(|what| what.starts_with(SINGLE_ACTIVE_CONSUMER))
        };
        self.different().filter(differs).map(|object| object.name.as_str())
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
                Drift::Unknown(text) => (State::Unknown, vec![refusal(&text)]),
            };
            object
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use fanfare_broker::Namespace;
    use fanfare_broker::topology::DestinationPlan;

    use super::*;

    fn comparison(drifts: &[Drift]) -> Comparison {
        let namespace = Namespace::new("t").unwrap();
        let plan = DestinationPlan::new(&namespace, "crm", &[]).unwrap();
        let topology = Topology::of(&namespace, &[plan]);
        let findings =
            drifts.iter().map(|drift| Finding { object: "x".into(), drift: drift.clone() });
        Comparison { objects: found(&topology, findings.collect()), looked_at_bindings: false }
    }

    #[test]
    fn what_could_not_be_looked_at_is_counted_apart_from_what_differs() {
        let (well, missing) = (Drift::None, Drift::Missing);
        let hidden = Drift::Unknown("ACCESS_REFUSED - …".into());
        let table = [
            (vec![well.clone(), well.clone()], 0, "2 of 2 objects stand as planned"),
            (
                vec![well.clone(), hidden.clone()],
                0,
                "1 of 2 objects stand as planned, 1 could not be looked at (the broker user has no \
                 right to)",
            ),
            (
                vec![missing, hidden.clone(), hidden],
                1,
                "0 of 3 objects stand as planned, 1 are missing, 2 could not be looked at (the \
                 broker user has no right to)",
            ),
        ];
        for (drifts, drift, summary) in table {
            let comparison = comparison(&drifts);
            assert_eq!(comparison.drift().count(), drift);
            assert_eq!(comparison.summary(), summary);
        }
    }
}
