//! Comparing bindings, which only the management API lists.

use fanfare_broker::topology::{Binding, Topology};

use super::object::{ObjectState, State};
use crate::management::{BindingSeen, DestinationKind};

/// How the bindings of `topology` stand; `seen` is `None` where nobody could be asked.
///
/// Besides the planned ones, bindings that bring more into a planned object than was
/// planned are told: an old subscription, or the way past a filter.
pub(super) fn compared(topology: &Topology, seen: Option<&[BindingSeen]>) -> Vec<ObjectState> {
    let Some(seen) = seen else {
        let bindings = topology.bindings.iter();
        return bindings.map(|b| ObjectState::of_binding(b, State::NotLookedAt)).collect();
    };
    let seen: Vec<Binding> = seen.iter().filter_map(own).collect();
    let planned = topology.bindings.iter().map(|binding| {
        let state = if seen.contains(binding) { State::AsPlanned } else { State::Missing };
        ObjectState::of_binding(binding, state)
    });
    let unplanned = seen
        .iter()
        .filter(|binding| !topology.bindings.contains(binding) && leads_into(topology, binding))
        .map(|binding| {
            let mut object = ObjectState::of_binding(binding, State::Unplanned);
            let why = if topology.outdated.contains(binding) {
                "an earlier subscription; apply removes it"
            } else {
                "remove it by hand, or plan it"
            };
            object.differences.push(why.to_owned());
            object
        });
    planned.chain(unplanned).collect()
}

/// A binding that was made; not the one that each queue has by its own name.
fn own(seen: &BindingSeen) -> Option<Binding> {
    if seen.source.is_empty() {
        return None;
    }
    Some(Binding {
        source: seen.source.clone(),
        target: seen.destination.clone(),
        to_queue: seen.destination_type == DestinationKind::Queue,
        key: seen.routing_key.clone(),
    })
}

fn leads_into(topology: &Topology, binding: &Binding) -> bool {
    // A filter that is no longer planned still leads into the destination's queue.
    topology.outdated.contains(binding)
        || if binding.to_queue {
            topology.queues.iter().any(|queue| queue.name == binding.target)
        } else {
            topology.exchanges.iter().any(|exchange| exchange.name == binding.target)
        }
}

#[cfg(test)]
mod tests {
    use fanfare_broker::Namespace;
    use fanfare_broker::topology::DestinationPlan;

    use super::*;

    fn topology(patterns: &[&str]) -> Topology {
        let namespace = Namespace::new("t").unwrap();
        let patterns: Vec<_> = patterns.iter().map(|&p| p.to_owned()).collect();
        Topology::of(&namespace, &[DestinationPlan::new(&namespace, "api", &patterns).unwrap()])
    }

    fn seen(binding: &Binding) -> BindingSeen {
        let kind =
            if binding.to_queue { DestinationKind::Queue } else { DestinationKind::Exchange };
        BindingSeen {
            source: binding.source.clone(),
            destination: binding.target.clone(),
            destination_type: kind,
            routing_key: binding.key.clone(),
        }
    }

    fn of_state(objects: &[ObjectState], state: State) -> Vec<&str> {
        objects.iter().filter(|o| o.state == state).map(|o| o.name.as_str()).collect()
    }

    #[test]
    fn all_is_well_where_every_binding_stands() {
        let topology = topology(&["user.#"]);
        let mut all: Vec<_> = topology.bindings.iter().map(seen).collect();
        // The default exchange's binding, and one of another destination.
        let default = Binding {
            source: String::new(),
            target: "t.api".into(),
            to_queue: true,
            key: "t.api".into(),
        };
        let other =
            Binding { source: "t.events".into(), target: "t.other".into(), ..default.clone() };
        all.extend([seen(&default), seen(&other)]);
        let compared = compared(&topology, Some(&all));
        assert!(compared.iter().all(|object| object.state == State::AsPlanned));
        assert_eq!(compared.len(), topology.bindings.len());
    }

    #[test]
    fn a_missing_binding_is_told() {
        let topology = topology(&[]);
        let all: Vec<_> = topology
            .bindings
            .iter()
            .filter(|binding| binding.source != "t.events")
            .map(seen)
            .collect();
        let compared = compared(&topology, Some(&all));
        assert_eq!(of_state(&compared, State::Missing), ["t.events -> queue t.api"]);
    }

    #[test]
    fn an_earlier_subscription_is_told() {
        let filtered = topology(&["user.#"]);
        let mut all: Vec<_> = filtered.bindings.iter().map(seen).collect();
        all.extend(topology(&["user.#", "order.*"]).bindings.iter().map(seen));
        all.extend(topology(&[]).bindings.iter().map(seen));
        all.dedup();
        let told = compared(&filtered, Some(&all));
        let unplanned = of_state(&told, State::Unplanned);
        assert!(unplanned.contains(&"t.api.in -> queue t.api"), "{unplanned:?}");
        assert!(unplanned.contains(&"t.events -> queue t.api"), "{unplanned:?}");

        let direct = compared(&topology(&[]), Some(&all));
        assert!(of_state(&direct, State::Unplanned).contains(&"t.events -> exchange t.api.in"));
    }

    #[test]
    fn where_nobody_can_be_asked_nothing_is_claimed() {
        let compared = compared(&topology(&[]), None);
        assert!(compared.iter().all(|object| object.state == State::NotLookedAt));
    }
}
