//! A consumer as the explorer sets it up: everything real but its ends.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use fanfare_broker::{DestinationNames, ExponentialPauses, Namespace, Publisher};
use prometheus_client::registry::Registry;

use super::api::Api;
use super::rules::Rules;
use crate::engine::{Engine, EngineOptions};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::permits::Permits;
use crate::policy::RetryPolicy;
use crate::subscription::EventTypes;
use crate::successor::Successors;

pub(super) const DESTINATION: &str = "api";
/// What ends without the explorer's doing ends never.
pub(super) const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
const PAUSE: Duration = Duration::from_secs(1);

/// The names on its broker.
pub(super) fn names() -> DestinationNames {
    let namespace = Namespace::new("t").expect("a namespace");
    namespace.destination(DESTINATION).expect("a destination")
}

/// An engine that has just been started.
pub(super) fn engine(rules: &Rules, api: Api, publisher: Publisher) -> Engine<Api> {
    Engine {
        destination: api,
        name: DESTINATION.parse().expect("a destination"),
        options: EngineOptions {
            at_hand: 8,
            prefetch: 8,
            call_deadline: NEVER,
            retry: RetryPolicy {
                pauses: ExponentialPauses::new(PAUSE, PAUSE),
                max_attempts: NonZeroU32::new(rules.attempts).expect("one attempt at least"),
                max_age: NEVER,
                max_throttle_age: NEVER,
                ambiguous: rules.ambiguous,
            },
            event_types: EventTypes::all(),
            shutdown_grace: NEVER,
        },
        successors: Successors::new(publisher, names()).expect("names of queues"),
        ledger: Ledger::memory(),
        permits: Permits::new(8, None),
        batcher: None,
        outbox: Outbox::default(),
        loners: Mutex::default(),
        metrics: Metrics::new(&mut Registry::default(), DESTINATION),
        consumer: "explored".to_owned(),
    }
}
