//! One publisher's messages arrive in the order in which it was asked to publish them.

use fanfare_tests::{World, registered_many};
use futures_util::future::join_all;

use super::stage::{declare_queues, id, ids_of, message, publisher, route};

/// More than tokio lets one task do without a break.
const MANY: usize = 500;

#[tokio::test]
async fn messages_published_together_arrive_in_their_order() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let publisher = publisher(world.config());
    let way = route("x", "q");
    let published =
        join_all((0..MANY).map(|number| publisher.publish(&way, message(number)))).await;
    assert!(published.into_iter().all(|verdict| verdict.unwrap().routed));
    publisher.close().await;
    assert_eq!(ids_of(&world.read("q").await), (0..MANY).map(id).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test]
async fn a_producers_events_arrive_in_their_order() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let producer = world.producer().await;
    let events = registered_many(MANY);
    let order: Vec<_> = events.iter().map(|event| event.id().to_string()).collect();
    let published = producer.publish_all(events).await;
    assert!(published.into_iter().all(|verdict| verdict.unwrap().routed));
    producer.close().await;
    assert_eq!(ids_of(&world.read("t.crm").await), order);
    world.end().await;
}
