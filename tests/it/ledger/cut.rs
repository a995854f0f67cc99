//! Two replicas, one of which loses its broker: its deliveries go to the other.

use fanfare_sandbox::mock::Control;
use fanfare_sandbox::proxy::{Direction, FaultProxy, Faults};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{PATIENCE, Replica, Vendor, World, eventually, registered_many};

use super::{assert_calls, assert_nothing_left};

const EVENTS: usize = 40;

/// Two consumers of one destination, one of them behind a proxy.
async fn two(world: &World, vendor: &Vendor, redis: &RedisNode) -> (FaultProxy, Replica, Replica) {
    world.declare(&[vendor.name]).await;
    let proxy = world.proxy().await;
    let ledger = [("FANFARE_LEDGER", redis.url())];
    let behind = Replica::start(world, vendor, &world.url_through(proxy.address()), &ledger);
    let other = Replica::start(world, vendor, world.url(), &ledger);
    world.until_consumers(world.names(vendor.name).queue(), 2).await;
    (proxy, behind, other)
}

/// The broker hands over to the other what the one behind the proxy has.
async fn cut(proxy: &FaultProxy) {
    proxy.refuse().await.unwrap();
    proxy.reset_connections();
    proxy.wait_until("the cut", PATIENCE, |counts| counts.resets > 0).await.unwrap();
}

async fn the_other_knows_what_was_delivered(vendor: Vendor, redis: &RedisNode) {
    let world = World::start().await;
    let (proxy, behind, other) = two(&world, &vendor, redis).await;
    proxy.set(Faults::withhold(Direction::Requests));
    let events = registered_many(EVENTS);
    world.publish(&events).await;
    let what = format!("all deliveries to {}", vendor.name);
    let unacked = eventually(&what, async || {
        let (one, two) = (behind.settled("delivered").await, other.settled("delivered").await);
        (one + two == EVENTS as u64).then_some(one as usize)
    })
    .await;
    assert!(unacked > 0, "it had some to lose");
    cut(&proxy).await;
    other.until_settled("duplicate", unacked).await;
    assert_eq!(behind.repeats().await + other.repeats().await, 0);
    proxy.heal().await.unwrap();
    tokio::join!(behind.stop(), other.stop());
    assert_calls(&vendor, &events, 1);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}

#[tokio::test]
async fn what_a_replica_delivered_before_its_connection_was_cut_is_known_to_the_other() {
    let redis = RedisNode::private().await.unwrap();
    tokio::join!(
        the_other_knows_what_was_delivered(Vendor::hubspot().await, &redis),
        the_other_knows_what_was_delivered(Vendor::sendgrid().await, &redis),
    );
}

#[tokio::test]
async fn what_is_under_way_at_a_replica_whose_connection_is_cut_is_not_called_for_by_the_other() {
    /// Long enough for the broker to hand over to the one what is under way at the other.
    const LATENCY_MS: u64 = 3_000;
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    let redis = RedisNode::private().await.unwrap();
    let (proxy, behind, other) = two(&world, &vendor, &redis).await;
    vendor.mock.control(Control::latency(LATENCY_MS, 0)).unwrap();
    let events = registered_many(EVENTS);
    world.publish(&events).await;
    world.until_ready(world.names(vendor.name).queue(), 0).await;
    eventually("a call by the one", async || (behind.calls().await > 0).then_some(())).await;
    cut(&proxy).await;
    vendor.mock.control(Control::default()).unwrap();
    eventually("the other replica to have ended all", async || {
        let ended = other.settled("delivered").await + other.settled("duplicate").await;
        (ended == EVENTS as u64).then_some(())
    })
    .await;
    assert!(other.settled("duplicate").await > 0, "some had been the other's");
    proxy.heal().await.unwrap();
    tokio::join!(behind.stop(), other.stop());
    assert_calls(&vendor, &events, 1);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}
