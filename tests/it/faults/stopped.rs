//! A consumer that stands still, is taken for dead, and goes on with what it has at hand.

use std::time::Duration;

use fanfare_sandbox::mock::Control;
use fanfare_sandbox::proxy::FaultProxy;
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{PATIENCE, Replica, Vendor, World, eventually, registered_many};
use nix::sys::signal::Signal;

use super::{assert_each_delivered_once, key, repeated_calls, until_delivered};

const EVENTS: usize = 60;
/// Calls under way when it is stopped; their answers wait in its sockets.
const MOST_CALLS: u32 = 4;

/// Stops one of two consumers; the broker gives its deliveries to the other `once` it takes the
/// one for dead. Returns both, with the stopped one running again.
async fn stale_deliveries(
    world: &World,
    vendor: &Vendor,
    ledger: &[(&str, &str)],
    dead: impl AsyncFnOnce(&FaultProxy),
) -> [Replica; 2] {
    world.declare(&[vendor.name]).await;
    let queue = world.names(vendor.name).queue().to_owned();
    let most_calls = MOST_CALLS.to_string();
    let variables = [ledger, &[("FANFARE_MAX_CONCURRENCY", most_calls.as_str())]].concat();
    let variables =
        [variables, vec![("FANFARE_PREFETCH", "20"), ("FANFARE_TIMEOUT", "3s")]].concat();
    let proxy = world.proxy().await;
    let stopped = Replica::start(world, vendor, &world.url_through(proxy.address()), &variables);
    world.until_consumers(&queue, 1).await;
    vendor.mock.control(Control::latency(200, 0)).unwrap();
    let events = registered_many(EVENTS);
    world.publish(&events).await;
    eventually("calls by the one", async || (vendor.mock.totals().accepted > 0).then_some(()))
        .await;
    stopped.program.signal(Signal::SIGSTOP);
    let other = Replica::start(world, vendor, world.url(), &variables);
    dead(&proxy).await;
    // Everything is the other's now.
    until_delivered(vendor, &events).await;
    stopped.program.signal(Signal::SIGCONT);
    // It is back: it consumes again.
    world.until_consumers(&queue, 2).await;
    world.until_drained(vendor.name).await;
    [stopped, other]
}

async fn cut(proxy: &FaultProxy) {
    proxy.reset_connections();
    proxy.wait_until("the cut", PATIENCE, |counts| counts.resets > 0).await.unwrap();
}

#[tokio::test]
async fn a_consumer_that_stood_still_calls_for_no_more_than_it_was_calling_for() {
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    let replicas = stale_deliveries(&world, &vendor, &[], cut).await;
    // Those that it was calling for, and as many that it began before it noticed.
    let repeated = repeated_calls(&vendor);
    assert!(repeated <= 2 * MOST_CALLS, "{repeated} calls were repeated");
    let tallies = vendor.mock.effects().keys;
    assert!(registered_many(EVENTS).iter().all(|event| tallies[&key(event, &vendor)].effects >= 1));
    assert_eq!(tallies.len(), EVENTS);
    assert_eq!(world.ready(&world.names(vendor.name).dead()).await, 0);
    for replica in replicas {
        replica.stop().await;
    }
    world.end().await;
}

async fn with_a_shared_ledger(dead: impl AsyncFnOnce(&FaultProxy)) {
    let world = World::start().await;
    // What it was calling for is called for again once its lease is over: an upsert shows that
    // as one effect, and the calls show how many they were.
    let vendor = Vendor::hubspot().await;
    let redis = RedisNode::private().await.unwrap();
    let shared = [("FANFARE_LEDGER", redis.url()), ("HUBSPOT_BATCH_SIZE", "1")];
    let replicas = stale_deliveries(&world, &vendor, &shared, dead).await;
    assert_each_delivered_once(&world, &vendor, &registered_many(EVENTS)).await;
    let repeated = repeated_calls(&vendor);
    assert!(repeated <= MOST_CALLS, "{repeated} calls were repeated");
    for replica in replicas {
        replica.stop().await;
    }
    world.end().await;
}

#[tokio::test]
async fn with_a_shared_ledger_it_begins_no_call_for_what_another_delivered() {
    with_a_shared_ledger(cut).await;
}

#[tokio::test]
#[ignore = "takes a minute and a half: the broker finds out by its heartbeats"]
async fn with_a_shared_ledger_and_stopped_for_a_minute_too() {
    with_a_shared_ledger(async |_| {
        // Not a wait for a fact: so long it stands still.
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
}
