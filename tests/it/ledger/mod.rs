//! What is called for again and what never, as told by whole programs.

mod away;
mod copies;
mod cut;
mod killed;
mod look_ups;
mod shared_calls;

use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{Vendor, World};

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
