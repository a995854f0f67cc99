//! What is called for again and what never, as told by whole programs.

mod away;
mod copies;
mod cut;
mod killed;
mod look_ups;
mod shared_calls;

use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{RunningProgram, Vendor, World, eventually, free_port, metric};
use nix::sys::signal::Signal;

/// A consumer of its own process, and where its metrics are read.
struct Replica {
    program: RunningProgram,
    admin: String,
    destination: &'static str,
}

impl Replica {
    /// Consumes at `url`, with these variables besides the vendor's.
    fn start(world: &World, vendor: &Vendor, url: &str, variables: &[(&str, &str)]) -> Self {
        let admin = format!("127.0.0.1:{}", free_port());
        let settings = vendor
            .settings(url, world.namespace().as_str())
            .set("FANFARE_LOG", "warn")
            .set("FANFARE_ADMIN_ADDR", &admin);
        let settings =
            variables.iter().fold(settings, |settings, (name, value)| settings.set(name, *value));
        let program = RunningProgram::start(vendor.program, &settings);
        Self { program, admin, destination: vendor.name }
    }

    /// How often it called although an earlier call may have delivered the event.
    async fn repeats(&self) -> u64 {
        self.counted("fanfare_repeats_total", "").await
    }

    /// Deliveries that came to this end.
    async fn settled(&self, result: &str) -> u64 {
        self.counted("fanfare_deliveries_total", &format!(",result=\"{result}\"")).await
    }

    /// Calls under way, as of the last second.
    async fn calls(&self) -> u64 {
        self.counted("fanfare_in_flight", "").await
    }

    /// Claims that it made while the shared ledger was away.
    async fn claims_without_ledger(&self) -> u64 {
        self.counted("fanfare_ledger_unavailable_total", "").await
    }

    async fn until_settled(&self, result: &str, count: usize) {
        let what = format!("{count} deliveries to {} to be {result}", self.destination);
        eventually(&what, async || (self.settled(result).await == count as u64).then_some(()))
            .await;
    }

    /// Nobody answers before it listens: then nothing has been counted either.
    async fn counted(&self, name: &str, label: &str) -> u64 {
        let line = format!("{name}{{destination=\"{}\"{label}}}", self.destination);
        metric(&self.admin, &line).await.map_or(0, |count| count as u64)
    }

    /// Ends it with everything acked.
    async fn stop(self) {
        self.program.signal(Signal::SIGTERM);
        let (status, log) = self.program.ended().await;
        assert!(status.success(), "{}", log.join("\n"));
    }
}

fn key(event: &Event, vendor: &Vendor) -> String {
    IdempotencyKey::of(event, &vendor.name.parse().unwrap()).to_string()
}

/// What the Redis knows about an event.
fn entry(redis: &RedisNode, world: &World, vendor: &Vendor, event: &Event) -> String {
    let namespace = world.namespace();
    let name = format!("{namespace}:ledger:{}:{}", vendor.name, key(event, vendor));
    redis.ask(&["GET", &name]).unwrap()
}

/// Each of these events was called for so often, and no other.
fn assert_calls(vendor: &Vendor, events: &[Event], calls: u32) {
    let tallies = vendor.mock.effects().keys;
    for event in events {
        let tally = tallies.get(&key(event, vendor)).copied().unwrap_or_default();
        assert_eq!(tally.accepted, calls, "calls to {} for {}", vendor.name, event.id());
    }
    assert_eq!(tallies.len(), events.len(), "{} got what was not published", vendor.name);
}

/// Nothing waits, and nothing was given up.
async fn assert_nothing_left(world: &World, vendor: &Vendor) {
    let names = world.names(vendor.name);
    assert_eq!(world.ready(names.queue()).await, 0, "in the queue of {}", vendor.name);
    assert_eq!(world.delayed(vendor.name).await, 0, "delayed for {}", vendor.name);
    assert_eq!(world.ready(&names.dead()).await, 0, "dead letters of {}", vendor.name);
}
