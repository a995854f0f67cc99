//! The objects of an installation as values: what is declared, verified and shown.

use std::fmt;

use super::delay::Level;
use super::names::{DestinationNames, InvalidName, Namespace};

/// Everything that has to stand on the broker, in the order in which it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Exchanges; an alternate exchange comes before those that name it.
    pub exchanges: Vec<Exchange>,
    /// Queues; all are durable and replicated.
    pub queues: Vec<Queue>,
    /// Bindings.
    pub bindings: Vec<Binding>,
    /// Bindings of an earlier subscription that must not stay.
    pub outdated: Vec<Binding>,
}

/// A destination to declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationPlan {
    /// Its objects' names.
    pub names: DestinationNames,
    /// Event-type patterns (AMQP topic syntax) it wants; empty means every event.
    pub subscriptions: Vec<String>,
    /// Only one consumer at a time gets deliveries, so that order can be kept.
    pub ordered: bool,
}

/// A durable exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: String,
    /// How it routes.
    pub kind: ExchangeKind,
    /// Clients may not publish to it.
    pub internal: bool,
    /// Where messages go that it cannot route.
    pub alternate: Option<String>,
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// To everything bound.
    Fanout,
    /// By pattern.
    Topic,
    /// By equal key.
    Direct,
}

/// A durable queue: a quorum queue, or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its arguments, `x-queue-type` among them.
    pub arguments: Vec<(&'static str, Argument)>,
}

/// The value of a queue's argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// A binding from an exchange to a queue or to another exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The exchange that messages come from.
    pub source: String,
    /// The queue or exchange that they go to.
    pub target: String,
    /// Whether the target is a queue.
    pub to_queue: bool,
    /// The routing key or pattern.
    pub key: String,
}

/// How often the broker may hand one message over before it dead-letters it itself.
///
/// A net under our own poison check (20), never −1, which up to 3.13 drops the
/// message at its first requeue.
const DELIVERY_LIMIT: i64 = 50;

/// The same for an ordered destination (500): whatever its consumer holds goes back together,
/// so each is handed over again for what happened to another.
const ORDERED_DELIVERY_LIMIT: i64 = 600;

/// Looking at a dead letter is a delivery too, and must never use it up.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;

/// What a control log may grow to: thousands of notices, read in a blink. RabbitMQ drops
/// whole segments, the oldest first.
const CONTROL_BYTES: i64 = 2_000_000;
const CONTROL_SEGMENT_BYTES: i64 = 500_000;

/// The argument that makes a queue an ordered one.
pub const SINGLE_ACTIVE_CONSUMER: &str = "x-single-active-consumer";

impl Topology {
    /// The objects that belong to no destination.
    pub fn of_namespace(namespace: &Namespace) -> Self {
        let unrouted = namespace.unrouted();
        Self {
            exchanges: vec![
                exchange(unrouted.clone(), ExchangeKind::Fanout, None),
                exchange(namespace.events(), ExchangeKind::Fanout, Some(&unrouted)),
                exchange(namespace.reports(), ExchangeKind::Topic, None),
                exchange(namespace.replies(), ExchangeKind::Direct, None),
            ],
            queues: vec![parking_queue(unrouted.clone())],
            bindings: vec![to_queue(&unrouted, &unrouted, "")],
            outdated: Vec::new(),
        }
    }

    /// The namespace's objects and those of each destination.
    pub fn of(namespace: &Namespace, destinations: &[DestinationPlan]) -> Self {
        let mut topology = Self::of_namespace(namespace);
        for destination in destinations {
            topology.add_destination(namespace, destination);
        }
        topology
    }

    fn add_destination(&mut self, namespace: &Namespace, plan: &DestinationPlan) {
        let names = &plan.names;
        let unrouted = namespace.unrouted();
        let queue = names.queue().to_owned();
        let (dead, due, replay) = (names.dead(), names.due(), names.replay());
        let control = names.control();

        self.exchanges.extend([
            exchange(dead.clone(), ExchangeKind::Fanout, Some(&unrouted)),
            Exchange {
                internal: true,
                ..exchange(due.clone(), ExchangeKind::Fanout, Some(&unrouted))
            },
            exchange(replay.clone(), ExchangeKind::Fanout, Some(&unrouted)),
            // No alternate exchange here: who pauses a destination has to hear that
            // nobody would read it.
            exchange(control.clone(), ExchangeKind::Fanout, None),
        ]);
        self.queues.extend([
            Queue { name: queue.clone(), arguments: event_queue(plan, &dead) },
            parking_queue(dead.clone()),
            control_stream(control.clone()),
        ]);
        self.bindings.extend([
            to_queue(&dead, &dead, ""),
            to_queue(&due, &queue, ""),
            to_queue(&replay, &queue, ""),
            to_queue(&control, &control, ""),
        ]);
        self.add_delay_line(names, &unrouted);
        // Bound last: from here on the queue fills, and all it relies on stands.
        self.add_entrance(namespace, plan);
    }

    fn add_delay_line(&mut self, names: &DestinationNames, unrouted: &str) {
        for level in Level::all().rev() {
            let name = names.delay(level);
            let below = level.below().map_or_else(|| names.due(), |below| names.delay(below));
            self.exchanges.push(exchange(name.clone(), ExchangeKind::Topic, Some(unrouted)));
            let ttl = i64::try_from(level.time_to_live().as_millis()).unwrap_or(i64::MAX);
            let mut arguments = at_least_once(&below);
            arguments.push(("x-message-ttl", Argument::Number(ttl)));
            self.queues.push(Queue { name: name.clone(), arguments });
            self.bindings.extend([
                to_queue(&name, &name, &level.waits_pattern()),
                to_exchange(&name, &below, &level.falls_pattern()),
            ]);
        }
    }

    fn add_entrance(&mut self, namespace: &Namespace, plan: &DestinationPlan) {
        let events = namespace.events();
        let filter = plan.names.filter();
        let everything = to_queue(&events, plan.names.queue(), "");
        let filtered = to_exchange(&events, &filter, "#");
        if plan.subscriptions.is_empty() {
            self.bindings.push(everything);
            self.outdated.push(filtered);
            return;
        }
        // No alternate exchange here: matching nothing is meant.
        self.exchanges.push(exchange(filter.clone(), ExchangeKind::Topic, None));
        for pattern in &plan.subscriptions {
            self.bindings.push(to_queue(&filter, plan.names.queue(), pattern));
        }
        self.bindings.push(filtered);
        self.outdated.push(everything);
    }
}

impl DestinationPlan {
    /// A destination that takes what matches `subscriptions`; none, or one `#`
    /// among them, means every event.
    pub fn new(
        namespace: &Namespace,
        destination: &str,
        subscriptions: &[String],
    ) -> Result<Self, InvalidName> {
        let takes_all = subscriptions.iter().any(|pattern| pattern == "#");
        Ok(Self {
            names: namespace.destination(destination)?,
            subscriptions: if takes_all { Vec::new() } else { subscriptions.to_vec() },
            ordered: false,
        })
    }

    /// The same, with a queue that hands events to one consumer at a time.
    ///
    /// Decided once: RabbitMQ cannot change it on a queue that stands.
    pub fn ordered(self) -> Self {
        Self { ordered: true, ..self }
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = if self.to_queue { "queue" } else { "exchange" };
        write!(f, "binding {} -> {target} {}", self.source, self.target)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, " by {}", self.key) }
    }
}

fn exchange(name: String, kind: ExchangeKind, alternate: Option<&str>) -> Exchange {
    Exchange { name, kind, internal: false, alternate: alternate.map(str::to_owned) }
}

fn to_queue(source: &str, target: &str, key: &str) -> Binding {
    Binding { source: source.into(), target: target.into(), to_queue: true, key: key.into() }
}

fn to_exchange(source: &str, target: &str, key: &str) -> Binding {
    Binding { source: source.into(), target: target.into(), to_queue: false, key: key.into() }
}

/// A queue whose messages wait for a person.
fn parking_queue(name: String) -> Queue {
    let arguments = vec![
        ("x-queue-type", Argument::Text("quorum".into())),
        ("x-delivery-limit", Argument::Number(DEAD_DELIVERY_LIMIT)),
    ];
    Queue { name, arguments }
}

/// The log that every replica reads from its start, and that outlives all of them.
fn control_stream(name: String) -> Queue {
    let arguments = vec![
        ("x-queue-type", Argument::Text("stream".into())),
        ("x-max-length-bytes", Argument::Number(CONTROL_BYTES)),
        ("x-stream-max-segment-size-bytes", Argument::Number(CONTROL_SEGMENT_BYTES)),
    ];
    Queue { name, arguments }
}

fn event_queue(plan: &DestinationPlan, dead: &str) -> Vec<(&'static str, Argument)> {
    let mut arguments = at_least_once(dead);
    let limit = if plan.ordered { ORDERED_DELIVERY_LIMIT } else { DELIVERY_LIMIT };
    arguments.push(("x-delivery-limit", Argument::Number(limit)));
    if plan.ordered {
        arguments.push((SINGLE_ACTIVE_CONSUMER, Argument::Flag(true)));
    }
    arguments
}

/// All four are needed together, or RabbitMQ falls back to at-most-once with no
/// more than a line in its log.
fn at_least_once(target: &str) -> Vec<(&'static str, Argument)> {
    vec![
        ("x-queue-type", Argument::Text("quorum".into())),
        ("x-dead-letter-exchange", Argument::Text(target.into())),
        ("x-dead-letter-strategy", Argument::Text("at-least-once".into())),
        ("x-overflow", Argument::Text("reject-publish".into())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(subscriptions: &[&str]) -> Topology {
        let namespace = Namespace::new("t").unwrap();
        let patterns: Vec<_> = subscriptions.iter().map(|&p| p.to_owned()).collect();
        let plan = DestinationPlan::new(&namespace, "api", &patterns).unwrap();
        Topology::of(&namespace, &[plan])
    }

    fn argument<'a>(queue: &'a Queue, name: &str) -> Option<&'a Argument> {
        queue.arguments.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    #[test]
    fn whatever_is_named_is_declared_before() {
        let topology = planned(&["user.#"]);
        let mut seen: Vec<&str> = Vec::new();
        for exchange in &topology.exchanges {
            if let Some(alternate) = &exchange.alternate {
                assert!(seen.contains(&alternate.as_str()), "{alternate} comes too late");
            }
            seen.push(&exchange.name);
        }
        let queues: Vec<_> = topology.queues.iter().map(|q| q.name.as_str()).collect();
        for binding in &topology.bindings {
            assert!(seen.contains(&binding.source.as_str()));
            let targets = if binding.to_queue { &queues } else { &seen };
            assert!(targets.contains(&binding.target.as_str()), "{}", binding.target);
        }
    }

    #[test]
    fn every_queue_that_dead_letters_does_so_at_least_once() {
        for queue in planned(&[]).queues {
            let get = |name| argument(&queue, name);
            let kind = if queue.name == "t.api.control" { "stream" } else { "quorum" };
            assert_eq!(get("x-queue-type"), Some(&Argument::Text(kind.into())));
            assert!(get("x-max-length").is_none(), "a full queue would nack every producer");
            if get("x-dead-letter-exchange").is_some() {
                assert_eq!(
                    get("x-dead-letter-strategy"),
                    Some(&Argument::Text("at-least-once".into()))
                );
                assert_eq!(get("x-overflow"), Some(&Argument::Text("reject-publish".into())));
            }
        }
    }

    #[test]
    fn only_an_ordered_destination_has_one_consumer_at_a_time() {
        let namespace = Namespace::new("t").unwrap();
        let plan = DestinationPlan::new(&namespace, "api", &[]).unwrap();
        for (plan, ordered) in [(plan.clone(), false), (plan.ordered(), true)] {
            for queue in Topology::of(&namespace, &[plan]).queues {
                let flag = argument(&queue, SINGLE_ACTIVE_CONSUMER);
                let expected = ordered && queue.name == "t.api";
                assert_eq!(flag, expected.then_some(&Argument::Flag(true)), "{}", queue.name);
            }
        }
    }

    #[test]
    fn only_filters_and_reports_may_drop_what_matches_nothing() {
        for exchange in planned(&["user.#"]).exchanges {
            let parks = exchange.alternate.is_some();
            let may_drop = ["t.api.control", "t.api.in", "t.reports", "t.replies", "t.unrouted"];
            assert_eq!(parks, !may_drop.contains(&exchange.name.as_str()), "{}", exchange.name);
        }
    }

    #[test]
    fn a_subscription_puts_a_filter_between() {
        let direct = planned(&[]);
        assert!(direct.bindings.iter().any(|b| b.source == "t.events" && b.target == "t.api"));
        assert_eq!(planned(&["#", "user.#"]), direct);

        let filtered = planned(&["user.#", "order.paid"]);
        assert!(!filtered.bindings.iter().any(|b| b.source == "t.events" && b.target == "t.api"));
        let keys: Vec<_> =
            filtered.bindings.iter().filter(|b| b.source == "t.api.in").map(|b| &b.key).collect();
        assert_eq!(keys, ["user.#", "order.paid"]);
    }
}
