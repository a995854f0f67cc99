//! An API is in trouble for as long as it likes, with a backlog in front of it and three replicas.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::time::Duration;

use fanfare_delivery::http::{HttpClient, HttpLimits};
use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::mock::{Control, Fault, MockApi, RequestRecord};
use fanfare_tests::{KeyedSink, RunningConsumer, World, registered_many};
use tokio::time::{Instant, sleep};

/// How long and how large.
#[derive(Clone, Copy, Debug)]
struct Outage {
    lasts: Duration,
    events: usize,
    /// What a `Retry-After` asks for, in seconds.
    asks_for: u64,
}

/// What is seen of it.
#[derive(Debug)]
struct Seen {
    /// The calls until it was over.
    calls: Vec<RequestRecord>,
    /// From the end of the trouble to the first event, and to the last.
    first_after: Duration,
    last_after: Duration,
    /// Events that left the queue's order.
    overtaken: usize,
}

const SHORT: Outage = Outage { lasts: Duration::from_secs(15), events: 1_200, asks_for: 3 };
const LONG: Outage = Outage { lasts: Duration::from_secs(600), events: 50_000, asks_for: 30 };

const DESTINATION: &str = "crm";
const REPLICAS: usize = 3;
/// What the API carries when it is well: 20 calls at a time of 50 ms each, which leaves a busy
/// machine time for everything else.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(20).unwrap();
const CALL_MS: u64 = 50;
const PER_SECOND: usize = 400;
/// Delivered by some while the others hear that the API is well.
const A_MOMENT_S_WORTH: usize = PER_SECOND;
/// Until all replicas have found out, calls are under way that none of them would make later.
const FIRST_MOMENT_MS: f64 = 2_000.0;
/// The longest waits between probes, for trouble that passes and for trouble that a person ends.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE_FOR_A_PERSON: Duration = Duration::from_secs(300);
const SLACK: Duration = Duration::from_secs(10);
/// Calls at the same time, of each.
const MOST_CALLS: usize = 64;
/// What they may have at hand together.
const AT_HAND: usize = REPLICAS * 2 * MOST_CALLS;

impl Outage {
    /// Lives through it: `ill` is what the API answers, `None` when nobody answers at all.
    async fn seen_by_three(self, ill: Option<Fault>, attempts: &str) -> Seen {
        let world = World::start().await;
        world.declare(&[DESTINATION]).await;
        let api = MockApi::sink().await.unwrap();
        match ill {
            Some(fault) => {
                let slowly = Control { latency_ms: CALL_MS, ..Control::all(fault) };
                api.control(slowly).unwrap();
            }
            None => api.go_down().await.unwrap(),
        }
        let events = registered_many(self.events);
        world.publish(&events).await;
        let settings = [("FANFARE_RETRY_ATTEMPTS", attempts), ("FANFARE_TIMEOUT", "1m")];
        let consumers: Vec<_> = (0..REPLICAS)
            .map(|_| {
                let sink = KeyedSink::calling(patient_client(), api.base_url());
                RunningConsumer::with(&world, DESTINATION, sink, &settings)
            })
            .collect();
        // Not a wait for a fact: the outage itself.
        sleep(self.lasts).await;

        assert_eq!(api.totals().accepted, 0);
        api.control(Control::knee(CAPACITY, CALL_MS)).unwrap();
        api.come_up().await.unwrap();
        let (healed, all) = (Instant::now(), self.events as u64);
        let patience = Duration::from_secs(400).max(2 * self.lasts);
        api.wait_until("the first event", patience, |api| api.totals().accepted > 0).await.unwrap();
        let first_after = healed.elapsed();
        api.wait_until("all events", patience, |api| api.totals().accepted >= all).await.unwrap();
        let last_after = healed.elapsed();
        for consumer in consumers {
            consumer.stop().await;
        }
        assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0, "nothing is given up");
        let log = api.log();
        assert_eq!(api.totals().effects, all, "each has its effect once");
        world.end().await;
        let overtaken = overtaken(&events, &log);
        let calls = log.into_iter().filter(|call| call.status != Some(200)).collect();
        let seen = Seen { calls, first_after, last_after, overtaken };
        println!(
            "{self:?}: {} calls in vain, the first event {:.1} s after its end, the last {:.1} s, \
             {} out of order",
            seen.calls.len(),
            seen.first_after.as_secs_f64(),
            seen.last_after.as_secs_f64(),
            seen.overtaken
        );
        seen
    }

    /// What the API needs for so many events.
    fn work(self) -> Duration {
        Duration::from_secs_f64(self.events as f64 / PER_SECOND as f64)
    }
}

impl Seen {
    /// Calls after all replicas had found out.
    fn probes(&self) -> impl Iterator<Item = &RequestRecord> {
        let first_ms = self.calls.first().map_or(0.0, |call| call.arrived_ms);
        self.calls.iter().filter(move |call| call.arrived_ms > first_ms + FIRST_MOMENT_MS)
    }

    fn most_probes_at_once(&self) -> u32 {
        self.probes().map(|call| call.in_flight).max().unwrap_or_default()
    }

    /// Probes that arrived before the end of a wait that was asked for.
    fn early(&self, wait: Duration) -> usize {
        let ends: Vec<f64> = self.calls.iter().filter_map(|call| call.ended_ms).collect();
        let asked_ms = wait.as_secs_f64() * 1e3;
        let is_early = |call: &&RequestRecord| {
            ends.iter().any(|told_ms| (0.0..asked_ms).contains(&(call.arrived_ms - told_ms)))
        };
        self.probes().filter(is_early).count()
    }

    /// Whether all was delivered as fast as the API takes it, once its health was noticed.
    fn keeps_up(&self, outage: Outage) -> bool {
        // Three probes say that it is well, and the others hear it at once.
        const NOTICING: Duration = Duration::from_secs(10);
        self.last_after - self.first_after <= outage.work().mul_f64(1.25) + NOTICING
    }
}

/// How many events left the queue's order: more were published after one and delivered before
/// it than the replicas have at hand and deliver in a moment.
fn overtaken(events: &[Event], log: &[RequestRecord]) -> usize {
    let destination = DESTINATION.parse().unwrap();
    let places: HashMap<String, usize> = events
        .iter()
        .enumerate()
        .map(|(place, event)| (IdempotencyKey::of(event, &destination).to_string(), place))
        .collect();
    let delivered = log
        .iter()
        .filter(|call| call.status == Some(200))
        .flat_map(|call| &call.keys)
        .map(|key| places[key]);
    let mut overtaken = 0;
    let mut so_far = BTreeSet::new();
    for place in delivered {
        if so_far.range(place..).nth(AT_HAND + A_MOMENT_S_WORTH).is_some() {
            overtaken += 1;
        }
        so_far.insert(place);
    }
    overtaken
}

/// A call that is late because this machine is busy is none that failed.
fn patient_client() -> HttpClient {
    let limits = HttpLimits { whole_call: Duration::from_secs(50), ..HttpLimits::default() };
    HttpClient::new("fanfare-tests", limits).unwrap()
}

/// What must hold of every outage.
fn assert_harmless(seen: &Seen, outage: Outage, probes_at_once: usize, noticed_within: Duration) {
    let most = seen.most_probes_at_once() as usize;
    assert!(most <= probes_at_once, "{most} probes at the same time");
    assert!(seen.first_after <= noticed_within, "noticed after {:?}", seen.first_after);
    assert!(seen.keeps_up(outage), "{:?} to {:?}", seen.first_after, seen.last_after);
    // Whoever made a call in vain makes way for the others; nobody else does.
    let tried = REPLICAS * MOST_CALLS + outage.lasts.as_secs() as usize;
    assert!(seen.calls.len() <= tried, "{} calls in vain", seen.calls.len());
    // After ten minutes each gives back what it has at hand, and takes as much again, while the
    // others may be on their way already.
    let given_back = if outage.lasts < LONG.lasts { 0 } else { 2 * AT_HAND };
    assert!(seen.overtaken <= tried + given_back, "{} out of order", seen.overtaken);
}

/// It answers 503. What it takes to find that out costs those events an attempt, once.
async fn failing(outage: Outage) {
    let seen = outage.seen_by_three(Some(Fault::status(503)), "2").await;
    assert_harmless(&seen, outage, REPLICAS, LONGEST_PAUSE + SLACK);
}

/// It asks for quiet: one call at a time asks again, of all replicas, and never early.
async fn throttled(outage: Outage) {
    let quiet = Fault::status(429).retry_after(outage.asks_for.to_string());
    let seen = outage.seen_by_three(Some(quiet), "1").await;
    let asked = Duration::from_secs(outage.asks_for);
    assert_harmless(&seen, outage, 1, asked + SLACK);
    let early = seen.early(asked);
    assert_eq!(early, 0, "calls before the end of what was asked for");
}

/// The token was taken away, and is given back.
async fn unauthorized(outage: Outage) {
    let seen = outage.seen_by_three(Some(Fault::status(401)), "1").await;
    assert_harmless(&seen, outage, REPLICAS, LONGEST_PAUSE_FOR_A_PERSON + SLACK);
}

/// Nobody is there.
async fn refused(outage: Outage) {
    let seen = outage.seen_by_three(None, "1").await;
    assert_eq!(seen.calls, [], "nothing arrived");
    assert_harmless(&seen, outage, REPLICAS, LONGEST_PAUSE + SLACK);
}

#[tokio::test]
async fn an_api_that_fails_costs_nothing() {
    failing(SHORT).await;
}

#[tokio::test]
async fn an_api_that_asks_for_quiet_gets_it_and_costs_nothing() {
    throttled(SHORT).await;
}

#[tokio::test]
async fn a_token_that_was_revoked_and_restored_costs_nothing() {
    unauthorized(SHORT).await;
}

#[tokio::test]
async fn an_api_that_is_not_there_costs_nothing() {
    refused(SHORT).await;
}

/// The same in full: `cargo xtask test -p fanfare-tests -- --ignored ten_minutes`.
mod ten_minutes {
    use super::{LONG, failing, refused, throttled, unauthorized};

    #[tokio::test]
    #[ignore = "takes ten minutes and more"]
    async fn of_an_api_that_fails() {
        failing(LONG).await;
    }

    #[tokio::test]
    #[ignore = "takes ten minutes and more"]
    async fn of_an_api_that_asks_for_quiet() {
        throttled(LONG).await;
    }

    #[tokio::test]
    #[ignore = "takes ten minutes and more"]
    async fn without_a_valid_token() {
        unauthorized(LONG).await;
    }

    #[tokio::test]
    #[ignore = "takes ten minutes and more"]
    async fn without_an_api() {
        refused(LONG).await;
    }
}
