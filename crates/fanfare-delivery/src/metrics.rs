//! The names of what is counted, and the counters themselves.
//!
//! Every label value is from a closed set, so each series is looked up once, here,
//! and never on the way of an event.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use fanfare_broker::Cause;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::ordered::Order;
use crate::permits::Permits;
use crate::report::Result as Settled;

/// What an engine counts, for one destination.
#[derive(Debug)]
pub(crate) struct Metrics {
    attempts: Vec<(&'static str, Counter)>,
    attempt_seconds: Histogram,
    settled: Vec<(Settled, Counter)>,
    age_seconds: Histogram,
    dead: Vec<(Cause, Counter)>,
    ambiguous: Counter,
    held_seconds: Counter<f64, AtomicU64>,
    ledger_unavailable: Counter,
    rate_limit_unavailable: Counter,
    repeats: Counter,
    in_flight: Gauge,
    concurrency_limit: Gauge,
    breaker_state: Gauge,
    parked_keys: Gauge,
    blocked_keys: Gauge,
}

/// A key that waits for its retry, for as long as this lives.
pub(crate) struct Parked<'a>(&'a Gauge);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDestination {
    destination: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    destination: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    destination: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByCause {
    destination: String,
    cause: &'static str,
}

const OUTCOMES: [&str; 5] = ["delivered", "retry", "rejected", "hold", "ambiguous"];

/// Buckets of the OpenTelemetry HTTP conventions, in seconds.
const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// From a glance to a day: how long events take from publish to the end.
const AGES: [f64; 12] =
    [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3600.0, 21_600.0, 86_400.0];

impl Metrics {
    pub(crate) fn new(registry: &mut Registry, destination: &str) -> Self {
        let attempts = Family::<ByOutcome, Counter>::default();
        registry.register("fanfare_attempts", "Calls to the destination", attempts.clone());
        let settled = Family::<ByResult, Counter>::default();
        registry.register("fanfare_deliveries", "Deliveries that came to an end", settled.clone());
        let dead = Family::<ByCause, Counter>::default();
        registry.register("fanfare_dead_letters", "Events given up", dead.clone());
        let ambiguous = Family::<ByDestination, Counter>::default();
        registry.register(
            "fanfare_ambiguous",
            "Calls that were sent and got no answer",
            ambiguous.clone(),
        );
        let held = Family::<ByDestination, Counter<f64, AtomicU64>>::default();
        registry.register_with_unit(
            "fanfare_held",
            "Time in which nothing was attempted because the destination was in trouble",
            Unit::Seconds,
            held.clone(),
        );
        let ledger_unavailable = Family::<ByDestination, Counter>::default();
        registry.register(
            "fanfare_ledger_unavailable",
            "Claims that were made while the shared ledger was away",
            ledger_unavailable.clone(),
        );
        let rate_limit_unavailable = Family::<ByDestination, Counter>::default();
        registry.register(
            "fanfare_rate_limit_unavailable",
            "Calls that were counted by this process alone while the shared rate limit was away",
            rate_limit_unavailable.clone(),
        );
        let repeats = Family::<ByDestination, Counter>::default();
        registry.register(
            "fanfare_repeats",
            "Calls for events that an earlier call may have delivered, under the same key",
            repeats.clone(),
        );
        let in_flight = Family::<ByDestination, Gauge>::default();
        registry.register("fanfare_in_flight", "Calls under way", in_flight.clone());
        let concurrency_limit = Family::<ByDestination, Gauge>::default();
        registry.register(
            "fanfare_concurrency_limit",
            "Calls that may be under way at the same time, for now",
            concurrency_limit.clone(),
        );
        let breaker_state = Family::<ByDestination, Gauge>::default();
        registry.register(
            "fanfare_breaker_state",
            "Whether the destination is called: 0 closed (it is), 1 half-open (probes), 2 open",
            breaker_state.clone(),
        );
        let parked_keys = Family::<ByDestination, Gauge>::default();
        registry.register(
            "fanfare_parked_keys",
            "Keys of an ordered destination that wait for the retry of one of their events",
            parked_keys.clone(),
        );
        let blocked_keys = Family::<ByDestination, Gauge>::default();
        registry.register(
            "fanfare_blocked_keys",
            "Keys of an ordered destination that a dead letter blocks",
            blocked_keys.clone(),
        );
        let attempt_seconds =
            Family::<ByDestination, Histogram>::new_with_constructor(|| Histogram::new(SECONDS));
        registry.register_with_unit(
            "fanfare_attempt_duration",
            "How long calls take",
            Unit::Seconds,
            attempt_seconds.clone(),
        );
        let age_seconds =
            Family::<ByDestination, Histogram>::new_with_constructor(|| Histogram::new(AGES));
        registry.register_with_unit(
            "fanfare_delivery_age",
            "Time from publish to the end",
            Unit::Seconds,
            age_seconds.clone(),
        );

        let destination = destination.to_owned();
        let label = ByDestination { destination: destination.clone() };
        let by_outcome = |outcome| ByOutcome { destination: destination.clone(), outcome };
        let by_result = |result: Settled| ByResult {
            destination: destination.clone(),
            result: result.as_str(),
        };
        let by_cause =
            |cause: Cause| ByCause { destination: destination.clone(), cause: cause.as_str() };
        Self {
            attempts: OUTCOMES
                .map(|outcome| (outcome, attempts.get_or_create_owned(&by_outcome(outcome))))
                .into(),
            settled: Settled::FINAL
                .map(|result| (result, settled.get_or_create_owned(&by_result(result))))
                .into(),
            dead: Cause::ALL
                .map(|cause| (cause, dead.get_or_create_owned(&by_cause(cause))))
                .into(),
            ambiguous: ambiguous.get_or_create_owned(&label),
            held_seconds: held.get_or_create_owned(&label),
            ledger_unavailable: ledger_unavailable.get_or_create_owned(&label),
            rate_limit_unavailable: rate_limit_unavailable.get_or_create_owned(&label),
            repeats: repeats.get_or_create_owned(&label),
            in_flight: in_flight.get_or_create_owned(&label),
            concurrency_limit: concurrency_limit.get_or_create_owned(&label),
            breaker_state: breaker_state.get_or_create_owned(&label),
            parked_keys: parked_keys.get_or_create_owned(&label),
            blocked_keys: blocked_keys.get_or_create_owned(&label),
            attempt_seconds: attempt_seconds.get_or_create_owned(&label),
            age_seconds: age_seconds.get_or_create_owned(&label),
        }
    }

    pub(crate) fn attempted(&self, outcome: &'static str, took: Duration) {
        if let Some((_, counter)) = self.attempts.iter().find(|(known, _)| *known == outcome) {
            counter.inc();
        }
        if outcome == "ambiguous" {
            self.ambiguous.inc();
        }
        self.attempt_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn settled(&self, result: Settled, age: Duration) {
        if let Some((_, counter)) = self.settled.iter().find(|(known, _)| *known == result) {
            counter.inc();
            self.age_seconds.observe(age.as_secs_f64());
        }
    }

    pub(crate) fn dead(&self, cause: Cause) {
        if let Some((_, counter)) = self.dead.iter().find(|(known, _)| *known == cause) {
            counter.inc();
        }
    }

    pub(crate) fn look_at(&self, permits: &Permits) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_flight.set(gauge(permits.calls()));
        self.concurrency_limit.set(gauge(permits.limit()));
        self.breaker_state.set(match (permits.trouble(), permits.is_probing()) {
            (None, _) => 0,
            (Some(_), true) => 1,
            (Some(_), false) => 2,
        });
    }

    /// A key waits for its retry.
    pub(crate) fn parked(&self) -> Parked<'_> {
        self.parked_keys.inc();
        Parked(&self.parked_keys)
    }

    pub(crate) fn look_at_order(&self, order: &Order) {
        self.blocked_keys.set(i64::try_from(order.blocked_keys()).unwrap_or(i64::MAX));
    }

    /// Counts claims that were made while the shared ledger was away.
    pub(crate) fn ledger_unavailable(&self) -> Counter {
        self.ledger_unavailable.clone()
    }

    /// Counts calls that were counted by this process alone while the shared limit was away.
    pub(crate) fn rate_limit_unavailable(&self) -> Counter {
        self.rate_limit_unavailable.clone()
    }

    /// The destination is called for an event that it may have already.
    pub(crate) fn repeated(&self) {
        self.repeats.inc();
    }

    pub(crate) fn held_for(&self, time: Duration) {
        self.held_seconds.inc_by(time.as_secs_f64());
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
