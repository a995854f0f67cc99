//! The same event several times in the queue.

use fanfare_broker::{Message, Publisher, PublisherOptions, Route};
use fanfare_events::Event;
use fanfare_sandbox::mock::Control;
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{Replica, Vendor, World, eventually, registered_many};

use super::{assert_calls, assert_nothing_left};

const EVENTS: usize = 40;
/// Published, published again, and copied from queue to queue.
const COPIES: usize = 3;
/// Long enough for a copy to come while the other is being called for.
const LATENCY_MS: u64 = 100;

/// Puts every event into the queue again as somebody would who moves messages by hand.
async fn copy_by_hand(world: &World, vendor: &Vendor, events: &[Event]) {
    let publisher = Publisher::start(world.config(), "shovel", PublisherOptions::default());
    let way = Route::new(&world.names(vendor.name).replay(), "").unwrap();
    for event in events {
        let message = Message::new(event.id().as_ref(), event.to_json()).unwrap();
        assert!(publisher.publish(&way, message).await.unwrap().routed);
    }
    publisher.close().await;
}

async fn each_event_is_called_for_once(vendor: Vendor, replicas: usize, ledger: &[(&str, &str)]) {
    let world = World::start().await;
    world.declare(&[vendor.name]).await;
    vendor.mock.control(Control::latency(LATENCY_MS, LATENCY_MS)).unwrap();
    let events = registered_many(EVENTS);
    let twice: Vec<_> = events.iter().flat_map(|event| [event.clone(), event.clone()]).collect();
    world.publish(&twice).await;
    copy_by_hand(&world, &vendor, &events).await;
    world.until_ready(world.names(vendor.name).queue(), (COPIES * EVENTS) as u64).await;
    // Not more at once than leaves some to the other.
    let variables = [ledger, &[("FANFARE_PREFETCH", "20"), ("FANFARE_MAX_CONCURRENCY", "10")]];
    let start = || Replica::start(&world, &vendor, world.url(), &variables.concat());
    let consumers: Vec<_> = (0..replicas).map(|_| start()).collect();
    let what = format!("all copies for {}", vendor.name);
    let settled = eventually(&what, async || {
        let (mut delivered, mut known) = (Vec::new(), 0);
        for consumer in &consumers {
            delivered.push(consumer.settled("delivered").await as usize);
            known += consumer.settled("duplicate").await as usize;
        }
        (delivered.iter().sum::<usize>() + known == COPIES * EVENTS).then_some(delivered)
    })
    .await;
    assert_eq!(settled.iter().sum::<usize>(), EVENTS, "delivered by {settled:?}");
    assert!(settled.iter().all(|delivered| *delivered > 0), "everybody took part: {settled:?}");
    for consumer in consumers {
        assert_eq!(consumer.repeats().await, 0);
        consumer.stop().await;
    }
    assert_calls(&vendor, &events, 1);
    assert_nothing_left(&world, &vendor).await;
    world.end().await;
}

#[tokio::test]
async fn an_event_that_is_in_the_queue_three_times_is_called_for_once() {
    let redis = RedisNode::private().await.unwrap();
    let shared = [("FANFARE_LEDGER", redis.url())];
    tokio::join!(
        each_event_is_called_for_once(Vendor::hubspot().await, 1, &[]),
        each_event_is_called_for_once(Vendor::sendgrid().await, 1, &[]),
        each_event_is_called_for_once(Vendor::hubspot().await, 1, &shared),
        each_event_is_called_for_once(Vendor::sendgrid().await, 1, &shared),
    );
}

#[tokio::test]
async fn copies_that_go_to_different_replicas_are_called_for_once() {
    let redis = RedisNode::private().await.unwrap();
    let shared = [("FANFARE_LEDGER", redis.url())];
    tokio::join!(
        each_event_is_called_for_once(Vendor::hubspot().await, 2, &shared),
        each_event_is_called_for_once(Vendor::sendgrid().await, 2, &shared),
    );
}
