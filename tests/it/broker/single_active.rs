//! What one consumer of an ordered queue leaves, the next one finds in its order.

use fanfare_broker::topology::{Argument, ExchangeKind, Topology, declare};
use fanfare_broker::{
    BrokerConfig, ConsumeState, Delivery, GivingBack, Inspector, Subscription, SubscriptionOptions,
};
use fanfare_tests::{World, within};

use super::stage::{exchange, fill, id, next, objects, queue, take, to_queue, until};

const MESSAGES: usize = 1_000;
const PREFETCH: u16 = 300;

async fn declare_ordered(world: &World) {
    let mut ordered = queue("q");
    ordered.arguments.extend([
        ("x-single-active-consumer", Argument::Flag(true)),
        ("x-delivery-limit", Argument::Number(600)),
    ]);
    let topology = Topology {
        exchanges: vec![exchange("x", ExchangeKind::Direct)],
        queues: vec![ordered],
        bindings: vec![to_queue("x", "q", "q")],
        ..objects()
    };
    declare(world.config(), &topology).await.unwrap();
    fill(world, "q", 0..MESSAGES).await;
}

fn ordered(config: &BrokerConfig) -> Subscription {
    let giving_back = GivingBack::Together;
    let options = SubscriptionOptions { queue: "q".to_owned(), prefetch: PREFETCH, giving_back };
    Subscription::start(config, "fanfare tests consume in order", options)
}

/// Acks two of three of what is at hand, the third is not settled.
fn ack_most(deliveries: Vec<Delivery>) -> Vec<String> {
    let mut left = Vec::new();
    for (place, delivery) in deliveries.into_iter().enumerate() {
        if place % 3 == 0 {
            left.push(delivery.message().id().to_owned());
        } else {
            delivery.ack();
        }
    }
    left
}

async fn assert_rest_in_order(standby: &mut Subscription, left: Vec<String>, from: usize) {
    let expected = left.into_iter().chain((from..MESSAGES).map(id));
    let mut handed_over = Vec::new();
    for expected in expected {
        let delivery = next(standby).await;
        handed_over.push(delivery.message().id().to_owned());
        assert_eq!(handed_over.last(), Some(&expected), "after {handed_over:?}");
        delivery.ack();
    }
}

#[tokio::test]
async fn closing_hands_everything_over_in_its_order_and_repeats_nothing() {
    let world = World::start().await;
    declare_ordered(&world).await;
    let mut active = ordered(world.config());
    let taken = take(&mut active, 2 * usize::from(PREFETCH) / 3).await;
    let mut standby = ordered(world.config());
    until(&standby, ConsumeState::Consuming).await;
    let from = taken.len();
    let left = ack_most(taken);
    active.drain();
    active.close().await;
    assert_rest_in_order(&mut standby, left, from).await;
    standby.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_cut_connection_hands_everything_over_in_its_order() {
    let world = World::start().await;
    declare_ordered(&world).await;
    let proxy = world.proxy().await;
    let mut active = ordered(&world.config_through(proxy.address()));
    let taken = take(&mut active, 2 * usize::from(PREFETCH) / 3).await;
    let mut standby = ordered(world.config());
    until(&standby, ConsumeState::Consuming).await;
    let from = taken.len();
    let left = ack_most(taken);
    // All acks are heard: the broker has handed over as many more.
    world.until_ready("q", (MESSAGES - from - usize::from(PREFETCH) + left.len()) as u64).await;
    proxy.reset_connections();
    assert_rest_in_order(&mut standby, left, from).await;
    standby.close().await;
    active.close().await;
    world.end().await;
}

#[tokio::test]
async fn an_ack_that_the_queue_is_known_to_have_taken_outlives_its_consumer() {
    const ACKED: usize = 250;
    let world = World::start().await;
    declare_ordered(&world).await;
    let proxy = world.proxy().await;
    let mut active = ordered(&world.config_through(proxy.address()));
    let taken = take(&mut active, ACKED).await;
    let mut standby = ordered(world.config());
    until(&standby, ConsumeState::Consuming).await;
    for delivery in taken {
        delivery.ack();
    }
    assert!(within("the queue to take the acks", active.acks_taken()).await);
    let unknown = active.acks_taken();
    proxy.reset_connections();
    assert_rest_in_order(&mut standby, Vec::new(), ACKED).await;
    assert!(!within("the question to be given up", unknown).await);
    standby.close().await;
    active.close().await;
    world.end().await;
}

#[tokio::test]
async fn pausing_again_and_again_keeps_the_order_and_repeats_nothing() {
    let world = World::start().await;
    declare_ordered(&world).await;
    let mut subscription = ordered(world.config());
    let mut handed_over = Vec::new();
    for round in 0.. {
        let count = (50 + round * 7).min(MESSAGES - handed_over.len());
        if count == 0 {
            break;
        }
        for delivery in take(&mut subscription, count).await {
            handed_over.push(delivery.message().id().to_owned());
            delivery.ack();
        }
        subscription.pause();
        // Until then, what comes is of the old channel, and its ack would be too late.
        until(&subscription, ConsumeState::Paused).await;
        subscription.resume(PREFETCH);
    }
    assert_eq!(handed_over, (0..MESSAGES).map(id).collect::<Vec<_>>());
    subscription.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_queue_with_one_active_consumer_can_be_told_from_another_without_taking_anything() {
    let world = World::start().await;
    declare_ordered(&world).await;
    let other = Topology { queues: vec![queue("other")], ..objects() };
    declare(world.config(), &other).await.unwrap();
    let inspector = Inspector::connect(world.config()).await.unwrap();
    for (queue, expected) in [("q", Some(true)), ("other", Some(false)), ("none", None)] {
        assert_eq!(inspector.is_single_active(queue).await.unwrap(), expected, "{queue}");
    }
    inspector.close().await;
    world.until_ready("q", MESSAGES as u64).await;
    world.end().await;
}
