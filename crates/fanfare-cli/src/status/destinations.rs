//! Which destinations there are, read off the names of queues.

use std::collections::BTreeSet;

use fanfare_broker::{DestinationNames, Namespace};

/// The destinations that have both a queue and dead letters among `queues`.
pub(super) fn destinations<'a>(
    namespace: &Namespace,
    queues: impl Iterator<Item = &'a str>,
) -> Vec<DestinationNames> {
    let queues: BTreeSet<&str> = queues.collect();
    queues
        .iter()
        .filter_map(|queue| {
            let name = queue.strip_prefix(namespace.as_str())?.strip_prefix('.')?;
            let names = namespace.destination(name).ok()?;
            queues.contains(names.dead().as_str()).then_some(names)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_queue_with_dead_letters() {
        let queues = [
            "fanfare.hubspot",
            "fanfare.hubspot.dead",
            "fanfare.hubspot.delay.00",
            "fanfare.unrouted",
            "fanfare.half",
            "other.sendgrid",
            "other.sendgrid.dead",
            "fanfare2.webhook",
            "fanfare2.webhook.dead",
        ];
        let namespace = Namespace::new("fanfare").unwrap();
        let found = destinations(&namespace, queues.into_iter());
        let found: Vec<_> = found.iter().map(DestinationNames::destination).collect();
        assert_eq!(found, ["hubspot"]);
    }
}
