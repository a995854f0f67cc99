//! The Redis of the ledger is killed while consumers run.

use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{PATIENCE, Replica, Vendor, World, eventually, registered_many};

use super::{assert_calls, assert_nothing_left, entry};

const EVENTS: usize = 20;

#[tokio::test]
async fn while_the_ledger_is_away_a_consumer_delivers_by_what_it_knows() {
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    let mut redis = RedisNode::private().await.unwrap();
    world.declare(&[vendor.name]).await;
    let url = redis.url().to_owned();
    let ledger = [("FANFARE_LEDGER", url.as_str()), ("FANFARE_LEDGER_DOWN", "deliver")];
    let consumer = Replica::start(&world, &vendor, world.url(), &ledger);
    let (events, half) = (registered_many(2 * EVENTS), EVENTS);
    world.publish(&events[..half]).await;
    consumer.until_settled("delivered", half).await;

    redis.kill();
    // It knows the first half itself.
    world.publish(&events).await;
    consumer.until_settled("delivered", 2 * half).await;
    consumer.until_settled("duplicate", half).await;
    assert!(consumer.claims_without_ledger().await >= half as u64);
    assert_calls(&vendor, &events, 1);

    redis.start().await.unwrap();
    eventually("the ledger to be told", async || {
        let known = |event| entry(&redis, &world, &vendor, event) == "delivered";
        events.iter().all(known).then_some(())
    })
    .await;
    consumer.stop().await;
    // So a process that has never heard of them does not call either.
    let next = Replica::start(&world, &vendor, world.url(), &ledger);
    world.publish(&events).await;
    next.until_settled("duplicate", 2 * half).await;
    next.stop().await;
    assert_calls(&vendor, &events, 1);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}

#[tokio::test]
async fn a_consumer_that_is_to_hold_calls_nobody_until_the_ledger_is_back() {
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    let mut redis = RedisNode::private().await.unwrap();
    world.declare(&[vendor.name]).await;
    let url = redis.url().to_owned();
    let ledger = [("FANFARE_LEDGER", url.as_str()), ("FANFARE_LEDGER_DOWN", "hold")];
    let consumer = Replica::start(&world, &vendor, world.url(), &ledger);
    let events = registered_many(2 * EVENTS);
    let (known, unknown) = events.split_at(EVENTS);
    world.publish(known).await;
    consumer.until_settled("delivered", EVENTS).await;

    redis.kill();
    world.publish(unknown).await;
    world.until_held(vendor.name).await;
    consumer.program.until_logged("The destination is in trouble").await;
    assert_eq!(vendor.mock.totals().requests, EVENTS as u64, "nobody was called");

    redis.start().await.unwrap();
    let all = events.len() as u64;
    vendor
        .mock
        .wait_until("all events", PATIENCE, |mock| mock.totals().accepted == all)
        .await
        .unwrap();
    consumer.until_settled("delivered", events.len()).await;
    consumer.stop().await;
    assert_calls(&vendor, &events, 1);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}
