//! Events wait in the delay line while the leader of its queues dies.

use std::collections::BTreeSet;
use std::time::Duration;

use fanfare_broker::topology::{DelayRoute, Level, Precision};
use fanfare_broker::{
    GivingBack, Message, Publisher, PublisherOptions, Route, Subscription, SubscriptionOptions,
};
use fanfare_sandbox::mock::{Control, Fault, Rule};
use fanfare_tests::{World, eventually, registered_many, within};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::stage::Stage;

#[tokio::test]
#[ignore = "retries wait, and a node starts again: 60 s"]
async fn retries_that_wait_while_the_leader_of_the_delay_line_dies_are_made() {
    let retries =
        [("FANFARE_RETRY_BASE", "20s"), ("FANFARE_RETRY_CAP", "20s"), ("HUBSPOT_BATCH_SIZE", "1")];
    let mut stage = Stage::set_with(&retries).await;
    // Too few for the destination to be taken for one in trouble.
    let fails = Rule::sometimes(0.25, 7, Fault::status(503));
    stage.vendor.mock.control(Control::rules([fails])).unwrap();
    let events = registered_many(300);
    stage.world.publish(&events).await;
    let waiting = eventually("events in the delay line", async || {
        let delayed = stage.world.delayed(stage.vendor.name).await;
        (delayed >= 20).then_some(delayed)
    })
    .await;

    let names = stage.world.names(stage.vendor.name);
    let mut leaders = Vec::new();
    for level in Level::all() {
        leaders.push(stage.leader_of(&names.delay(level)).await);
    }
    let leader = leaders[0];
    println!("{waiting} wait, on nodes {leaders:?}");
    stage.world.own_cluster().kill(leader).await.unwrap();
    stage.vendor.mock.heal();
    // With the node away they may come late, as the next story tells.
    stage.world.own_cluster().start(leader).await.unwrap();
    stage.assert_whole(&events, 3).await;
    assert!(stage.vendor.mock.log().iter().filter(|call| call.status == Some(503)).count() >= 20);
    stage.until_whole().await;
    stage.end().await;
}

/// Several times what RabbitMQ has on its way from one level at a time.
const MESSAGES: usize = 160;

/// The shortest and the longest wait: all begin at one level, and go on from there to the queue
/// and to three other levels.
const WAITS: std::ops::Range<u64> = 8..16;

const DESTINATION: &str = "crm";

/// RabbitMQ 3.10 hands nothing on to a queue whose leader it still took to be on the node that
/// was lost, until that node is back.
#[tokio::test]
#[ignore = "messages wait, and a node starts again: 50 s"]
async fn what_falls_due_while_its_queue_looks_for_a_leader_is_late_and_not_lost() {
    let mut world = World::on_cluster().await;
    world.declare(&[DESTINATION]).await;
    let names = world.names(DESTINATION);
    let publisher = Publisher::start(world.config(), "tests", PublisherOptions::default());
    let options = SubscriptionOptions {
        queue: names.queue().to_owned(),
        prefetch: 100,
        giving_back: GivingBack::AtOnce,
    };
    let mut arrivals = Arrivals::of(Subscription::start(world.config(), "tests", options));
    let entry = DelayRoute::new(Duration::from_secs(WAITS.start), Precision::Backoff).entry;
    let leader = world.cluster().leader_of(world.vhost(), &names.delay(entry)).await.unwrap();

    let started = Instant::now();
    let delayed = (0..MESSAGES).zip(WAITS.cycle()).map(async |(number, seconds)| {
        let way = DelayRoute::new(Duration::from_secs(seconds), Precision::Backoff);
        let route = Route::new(&names.delay(way.entry), &way.routing_key).unwrap();
        let message = Message::new(&number.to_string(), "late").unwrap();
        publisher.publish(&route, message).await.unwrap()
    });
    assert!(join_all(delayed).await.into_iter().all(|confirmed| confirmed.routed));
    let moment = started + Duration::from_secs(WAITS.start) - Duration::from_millis(100);
    eventually("the moment before they fall due", async || {
        (Instant::now() >= moment).then_some(())
    })
    .await;
    world.own_cluster().kill(leader).await.unwrap();

    arrivals.take_until(started + Duration::from_secs(WAITS.end + 5)).await;
    let late = MESSAGES - arrivals.ids.len();
    let begin = Instant::now();
    world.own_cluster().start(leader).await.unwrap();
    let back = begin.elapsed();
    while arrivals.ids.len() < MESSAGES {
        within("the late ones", arrivals.take()).await;
    }
    let all = begin.elapsed();
    println!("{late} of {MESSAGES} late; the node was back after {back:.1?}, they after {all:.1?}");
    arrivals.subscription.close().await;
    publisher.close().await;
    world.cluster().until_whole(world.vhost()).await.unwrap();
    world.end().await;
}

struct Arrivals {
    subscription: Subscription,
    ids: BTreeSet<String>,
}

impl Arrivals {
    fn of(subscription: Subscription) -> Self {
        Self { subscription, ids: BTreeSet::new() }
    }

    async fn take_until(&mut self, deadline: Instant) {
        while timeout_at(deadline, self.take()).await.is_ok() {}
    }

    async fn take(&mut self) {
        let delivery = self.subscription.next().await.expect("the subscription is open");
        self.ids.insert(delivery.message().id().to_owned());
        delivery.ack();
    }
}
