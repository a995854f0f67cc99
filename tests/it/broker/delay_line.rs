//! The delay line: never early, hardly late, and nothing gets stuck in it.

use std::time::Duration;

use fanfare_broker::topology::{Binding, DelayRoute, Precision, Topology, declare};
use fanfare_broker::{Message, Publisher, Subscription};
use fanfare_tests::World;
use futures_util::future::join_all;
use tokio::time::Instant;

use super::stage::{
    id, ids, ids_of, message, next, objects, publisher, route, subscription, take, to_queue,
};

const DESTINATION: &str = "crm";

/// How late a machine that runs all tests at once may be; an idle one takes milliseconds.
const BUSY: Duration = Duration::from_secs(8);

/// RabbitMQ counts whole milliseconds at each of at most four hops.
const CLOCK: Duration = Duration::from_millis(4);

/// More than one level may have stuck before it stops for everybody (RabbitMQ's
/// `dead_letter_worker_consumer_prefetch` is 32).
const MORE_THAN_A_LEVEL_HOLDS: usize = 40;

struct Line {
    world: World,
    publisher: Publisher,
    arrivals: Subscription,
}

impl Line {
    async fn start() -> Self {
        let world = World::start().await;
        world.declare(&[DESTINATION]).await;
        let publisher = publisher(world.config());
        let arrivals = subscription(world.config(), world.names(DESTINATION).queue(), 100);
        Self { world, publisher, arrivals }
    }

    async fn delay(&self, message: Message, by: Duration) {
        let way = DelayRoute::new(by, Precision::Backoff);
        let exchange = self.world.names(DESTINATION).delay(way.entry);
        let confirmed =
            self.publisher.publish(&route(&exchange, &way.routing_key), message).await.unwrap();
        assert!(confirmed.routed);
    }

    fn way_back(&self) -> Binding {
        let names = self.world.names(DESTINATION);
        to_queue(&names.due(), names.queue(), "")
    }

    async fn end(self) {
        self.arrivals.close().await;
        self.publisher.close().await;
        self.world.end().await;
    }
}

#[tokio::test]
async fn a_delayed_message_is_never_early_hardly_late_and_the_shortest_is_first() {
    let mut line = Line::start().await;
    let delays = [5, 3, 2, 1].map(Duration::from_secs);
    let started = Instant::now();
    join_all(delays.iter().enumerate().map(|(number, by)| line.delay(message(number), *by))).await;

    for (number, by) in delays.iter().enumerate().rev() {
        let delivery = next(&mut line.arrivals).await;
        let waited = started.elapsed();
        assert_eq!(delivery.message().id(), id(number), "by due time");
        assert_eq!(delivery.message().body(), message(number).body());
        assert!(waited + CLOCK >= *by, "{by:?} took {waited:?}");
        assert!(waited < *by + BUSY, "{by:?} took {waited:?}");
        delivery.ack();
    }
    line.end().await;
}

#[tokio::test]
async fn many_messages_that_are_due_together_all_arrive() {
    let mut line = Line::start().await;
    let started = Instant::now();
    let by = Duration::from_secs(3);
    join_all((0..MORE_THAN_A_LEVEL_HOLDS).map(|number| line.delay(message(number), by))).await;

    let mut arrived = Vec::new();
    for delivery in take(&mut line.arrivals, MORE_THAN_A_LEVEL_HOLDS).await {
        arrived.push(delivery.message().clone());
        delivery.ack();
    }
    assert!(started.elapsed() + CLOCK >= by);
    assert!(started.elapsed() < by + BUSY, "{:?}", started.elapsed());
    assert_eq!(
        ids_of(&arrived).into_iter().collect::<std::collections::BTreeSet<_>>(),
        ids(0..MORE_THAN_A_LEVEL_HOLDS)
    );
    line.end().await;
}

#[tokio::test]
async fn messages_whose_way_back_is_gone_are_parked_and_block_nobody() {
    let mut line = Line::start().await;
    let unrouted = line.world.namespace().unrouted();
    let cut = Topology { outdated: vec![line.way_back()], ..objects() };
    declare(line.world.config(), &cut).await.unwrap();

    let second = Duration::from_secs(1);
    join_all((0..MORE_THAN_A_LEVEL_HOLDS).map(|number| line.delay(message(number), second))).await;
    line.world.until_ready(&unrouted, MORE_THAN_A_LEVEL_HOLDS as u64).await;

    let mend = Topology { bindings: vec![line.way_back()], ..objects() };
    declare(line.world.config(), &mend).await.unwrap();
    let started = Instant::now();
    line.delay(message(MORE_THAN_A_LEVEL_HOLDS), second).await;
    let delivery = next(&mut line.arrivals).await;
    assert_eq!(delivery.message().id(), id(MORE_THAN_A_LEVEL_HOLDS));
    assert!(started.elapsed() < second + BUSY, "{:?}", started.elapsed());
    delivery.ack();

    let parked = ids_of(&line.world.read(&unrouted).await);
    assert_eq!(parked.len(), MORE_THAN_A_LEVEL_HOLDS);
    assert_eq!(
        parked.into_iter().collect::<std::collections::BTreeSet<_>>(),
        ids(0..MORE_THAN_A_LEVEL_HOLDS)
    );
    line.end().await;
}

/// Up to RabbitMQ 3.13 a message that brings its `x-death` along is taken for one that goes
/// in circles, and never comes out again.
#[tokio::test]
async fn a_message_can_be_delayed_again_and_again_through_the_same_levels() {
    let mut line = Line::start().await;
    line.delay(message(1), Duration::from_secs(1)).await;
    for attempts in 1..=3 {
        let delivery = next(&mut line.arrivals).await;
        assert_eq!(delivery.message().attempts(), attempts - 1);
        let again = delivery.message().successor("unused").unwrap().attempts(attempts, None);
        line.delay(again, Duration::from_secs(1)).await;
        delivery.ack();
    }
    let last = next(&mut line.arrivals).await;
    assert_eq!((last.message().id(), last.message().attempts()), (id(1).as_str(), 3));
    assert_eq!(last.message().body(), message(1).body());
    last.ack();
    line.end().await;
}
