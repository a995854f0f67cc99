//! The broker waits for an ack for so long; up to 4.2 it closes the channel then, from 4.3 on it
//! cancels the consumer.

use fanfare_broker::ConsumeState;
use fanfare_tests::{World, eventually};

use super::stage::{
    assert_nothing_left, declare_queues, fill, id, next, subscription, take, until,
};

/// Half an hour, and looked after once a minute, if nobody says otherwise.
const HURRY: &str = "application:set_env(rabbit, consumer_timeout, 3000), \
                     application:set_env(rabbit, channel_tick_interval, 500).";

#[tokio::test]
async fn a_delivery_that_is_kept_for_too_long_is_taken_away_and_comes_again() {
    const DELIVERIES: usize = 10;
    let world = World::with_own_node().await;
    world.node().rabbitmqctl(&["eval", HURRY]).await.unwrap();
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..DELIVERIES).await;
    let mut subscription = subscription(world.config(), "q", 10);
    let mut taken = take(&mut subscription, DELIVERIES).await;
    let kept = taken.pop().unwrap();
    for delivery in taken {
        delivery.ack();
    }
    eventually("the delivery to be taken away", async || kept.is_stale().then_some(())).await;
    // Too late, and of no consequence for what comes after it.
    kept.ack();

    let again = next(&mut subscription).await;
    assert_eq!(again.message().id(), id(DELIVERIES - 1));
    again.ack();
    until(&subscription, ConsumeState::Consuming).await;
    subscription.close().await;
    assert_nothing_left(&world, "q").await;
    world.end().await;
}
