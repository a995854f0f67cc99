//! Deliveries are settled once, whatever order they are settled in and whatever happens.

use std::collections::BTreeSet;

use fanfare_broker::topology::{Topology, declare};
use fanfare_broker::{ConsumeState, Delivery};
use fanfare_tests::{World, within};
use futures_util::FutureExt;

use super::stage::{
    assert_nothing_left, declare_queues, fill, id, ids, next, objects, queue, subscription, take,
    to_queue, until, until_refused,
};

fn ids_of(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.message().id().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_deliveries_settled_in_any_order_leave_nothing_behind() {
    const DELIVERIES: usize = 10_000;
    const PREFETCH: u16 = 500;
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..DELIVERIES).await;
    let mut subscription = subscription(world.config(), "q", PREFETCH);

    let mut at_hand = Vec::new();
    let (mut acked, mut requeued) = (BTreeSet::new(), BTreeSet::new());
    // A multiplicative generator is random enough to settle in no order at all.
    let mut drawn = 1_usize;
    while acked.len() < DELIVERIES {
        // Half a prefetch at hand: the broker can always hand over more.
        let outstanding = DELIVERIES - acked.len();
        while at_hand.len() < outstanding.min(usize::from(PREFETCH) / 2) {
            at_hand.push(next(&mut subscription).await);
        }
        drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let delivery: Delivery = at_hand.swap_remove((drawn >> 33) % at_hand.len());
        let id = delivery.message().id().to_owned();
        if (drawn >> 50).is_multiple_of(20) && requeued.insert(id.clone()) {
            delivery.requeue();
        } else {
            assert!(acked.insert(id), "an acked message came again");
            delivery.ack();
        }
    }
    assert_eq!(acked, ids(0..DELIVERIES));
    assert!(requeued.len() > DELIVERIES / 40, "{} were requeued", requeued.len());
    subscription.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn closing_tells_the_broker_what_is_settled_and_gives_back_only_the_rest() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..300).await;
    let mut first = subscription(world.config(), "q", 300);
    let mut deliveries = take(&mut first, 300).await;
    // The oldest holds back every run of acks.
    let kept = deliveries.remove(0);
    for delivery in deliveries {
        delivery.ack();
    }
    first.close().await;
    assert!(kept.is_stale());

    let mut second = subscription(world.config(), "q", 300);
    let again = next(&mut second).await;
    assert_eq!(again.message().id(), kept.message().id());
    assert!(again.message().redelivered());
    again.ack();
    second.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn draining_ends_the_deliveries_and_what_was_taken_can_still_be_settled() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..20).await;
    let mut draining = subscription(world.config(), "q", 10);
    let mut taken = take(&mut draining, 4).await;
    draining.drain();
    while let Some(delivery) = within("the end of the deliveries", draining.next()).await {
        taken.push(delivery);
    }
    let settled = taken.len();
    assert!((4..=10).contains(&settled), "{settled} were handed over");
    for delivery in taken {
        assert!(!delivery.is_stale());
        delivery.ack();
    }
    draining.close().await;

    let mut rest = subscription(world.config(), "q", 20);
    let again = take(&mut rest, 20 - settled).await;
    assert_eq!(ids_of(&again), (settled..20).map(id).collect::<Vec<_>>());
    for delivery in again {
        delivery.ack();
    }
    rest.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn pausing_gives_everything_back_and_resuming_brings_it_again() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..30).await;
    let mut subscription = subscription(world.config(), "q", 10);
    let held = take(&mut subscription, 3).await;
    subscription.pause();
    // At once, so that nobody begins to work on what goes back.
    assert!(held.iter().all(Delivery::is_stale));
    assert!(subscription.next().now_or_never().is_none());
    until(&subscription, ConsumeState::Paused).await;
    world.until_ready("q", 30).await;
    assert_eq!(subscription.oldest_unsettled(), None);
    for delivery in held {
        delivery.ack();
    }

    // More at a time than at first.
    subscription.resume(30);
    let again = take(&mut subscription, 30).await;
    assert_eq!(ids_of(&again), (0..30).map(id).collect::<Vec<_>>());
    assert!(again.iter().take(3).all(|delivery| delivery.message().redelivered()));
    for delivery in again {
        delivery.ack();
    }
    subscription.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn another_number_at_a_time_gives_back_at_once_what_nobody_has_looked_at() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..10).await;
    let mut subscription = subscription(world.config(), "q", 5);
    let held = take(&mut subscription, 3).await;
    subscription.resume(5);
    assert!(!held.iter().any(Delivery::is_stale), "as many as before");
    subscription.resume(10);
    assert!(held.iter().all(Delivery::is_stale));
    assert!(subscription.next().now_or_never().is_none());
    let again = take(&mut subscription, 10).await;
    assert_eq!(ids_of(&again), (0..10).map(id).collect::<Vec<_>>());
    for delivery in held.into_iter().chain(again) {
        delivery.ack();
    }
    subscription.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn pausing_and_resuming_at_once_gives_everything_back_too() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..5).await;
    let mut subscription = subscription(world.config(), "q", 5);
    let held = take(&mut subscription, 5).await;
    subscription.pause();
    subscription.resume(5);
    let again = take(&mut subscription, 5).await;
    assert!(held.iter().all(Delivery::is_stale));
    assert_eq!(ids_of(&again), ids_of(&held));
    for delivery in again {
        delivery.ack();
    }
    subscription.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_waited_for_until_it_stands_again() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let mut subscription = subscription(world.config(), "q", 10);
    until(&subscription, ConsumeState::Consuming).await;
    world.node().rabbitmqctl(&["delete_queue", "--vhost", world.vhost(), "q"]).await.unwrap();
    until_refused(&subscription, "NOT_FOUND").await;

    let mended =
        Topology { queues: vec![queue("q")], bindings: vec![to_queue("x", "q", "q")], ..objects() };
    declare(world.config(), &mended).await.unwrap();
    fill(&world, "q", [1]).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.message().id(), id(1));
    delivery.ack();
    subscription.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_does_not_keep_the_subscription_from_closing() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..50).await;
    // Room for two, then fifty at a time.
    let subscription = subscription(world.config(), "q", 2);
    until(&subscription, ConsumeState::Consuming).await;
    subscription.resume(50);
    world.until_ready("q", 0).await;
    within("the subscription to close", subscription.close()).await;
    world.until_ready("q", 50).await;
    world.end().await;
}
