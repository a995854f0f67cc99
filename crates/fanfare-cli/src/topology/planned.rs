//! From what was typed to a topology.

use fanfare_broker::topology::{DestinationPlan, Topology};
use fanfare_broker::{InvalidName, Namespace};

use crate::arguments::{DestinationArgument, TopologyArguments};

/// Why no topology can be made of the arguments.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// None was named.
    #[error("name the destinations with --destination, or set FANFARE_DESTINATIONS")]
    NoDestination,
    /// One was named twice, perhaps with other patterns.
    #[error("destination `{0}` is named twice")]
    Twice(String),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// A pattern that is none.
    #[error(
        "`{0}` is no event-type pattern: expected words between dots, where * stands for one word and # for any number, at most 255 bytes"
    )]
    Pattern(String),
}

const LONGEST_PATTERN: usize = 255;

/// The topology of the destinations that `arguments` name, or else of `usual`.
pub fn planned(
    namespace: &Namespace,
    arguments: &TopologyArguments,
    usual: &[String],
) -> Result<Topology, PlanError> {
    let usual: Vec<_> = usual
        .iter()
        .map(|name| DestinationArgument { name: name.clone(), patterns: None })
        .collect();
    let named = if arguments.destinations.is_empty() { &usual } else { &arguments.destinations };
    if named.is_empty() {
        return Err(PlanError::NoDestination);
    }
    let mut plans: Vec<DestinationPlan> = Vec::new();
    for DestinationArgument { name, patterns } in named {
        if plans.iter().any(|plan| plan.names.destination() == name) {
            return Err(PlanError::Twice(name.clone()));
        }
        let patterns = patterns.as_ref().unwrap_or(&arguments.subscribe);
        if let Some(pattern) = patterns.iter().find(|pattern| !is_pattern(pattern)) {
            return Err(PlanError::Pattern(pattern.clone()));
        }
        let plan = DestinationPlan::new(namespace, name, patterns)?;
        plans.push(if arguments.ordered { plan.ordered() } else { plan });
    }
    Ok(Topology::of(namespace, &plans))
}

/// A word with a wildcard in it, such as `user*`, would never match: RabbitMQ takes
/// it literally.
fn is_pattern(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && (matches!(word, "*" | "#") || !word.contains(['*', '#']))
            && !word.contains(char::is_whitespace)
    };
    text.len() <= LONGEST_PATTERN && text.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(destinations: &[&str], subscribe: &[&str]) -> Result<Topology, PlanError> {
        let arguments = TopologyArguments {
            destinations: destinations.iter().map(|text| text.parse().unwrap()).collect(),
            subscribe: subscribe.iter().map(|&text| text.to_owned()).collect(),
            ordered: false,
        };
        planned(&Namespace::new("t").unwrap(), &arguments, &["usual".to_owned()])
    }

    fn keys(topology: &Topology, target: &str) -> Vec<String> {
        let into = |binding: &&fanfare_broker::topology::Binding| {
            binding.target == target && binding.source.ends_with(".in")
        };
        topology.bindings.iter().filter(into).map(|binding| binding.key.clone()).collect()
    }

    #[test]
    fn own_patterns_stand_above_those_for_all() {
        let topology = plan(&["a=user.#,order.*", "b"], &["x.y"]).unwrap();
        assert_eq!(keys(&topology, "t.a"), ["user.#", "order.*"]);
        assert_eq!(keys(&topology, "t.b"), ["x.y"]);
    }

    #[test]
    fn the_usual_destinations_are_meant_when_none_is_named() {
        let topology = plan(&[], &[]).unwrap();
        assert!(topology.queues.iter().any(|queue| queue.name == "t.usual"));
        let none = planned(
            &Namespace::new("t").unwrap(),
            &TopologyArguments { destinations: vec![], subscribe: vec![], ordered: true },
            &[],
        );
        assert_eq!(none, Err(PlanError::NoDestination));
    }

    #[test]
    fn what_would_never_match_is_refused() {
        for pattern in ["user*", "user..x", "", "a b", "#user.x"] {
            let refused = plan(&[&format!("a={pattern}")], &[]);
            assert_eq!(refused, Err(PlanError::Pattern(pattern.to_owned())), "{pattern}");
        }
        assert_eq!(plan(&["a", "a=x"], &[]), Err(PlanError::Twice("a".into())));
        assert!(matches!(plan(&["A"], &[]), Err(PlanError::Name(_))));
    }
}
