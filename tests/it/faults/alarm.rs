//! The broker has an alarm and takes nothing from whoever publishes.

use std::collections::BTreeSet;
use std::time::Duration;

use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::mock::{Control, Fault, Rule};
use fanfare_tests::{PATIENCE, Replica, Vendor, World, eventually, registered_many};
use tokio::time::sleep;

use super::{key, publish_until_confirmed};

/// Of a backlog, events that fail once and events that are refused.
const RETRIED: usize = 10;
const DEAD: usize = 10;
const BACKLOG: usize = 200;
/// Published while the alarm lasts.
const LATER: usize = 100;

/// `lasts` is how long the alarm does, and `gives_up_after` how long a publish waits for its end.
/// Answers how many publishes were told that they are unconfirmed.
async fn nothing_times_out_into_loss(lasts: Duration, gives_up_after: Duration) -> usize {
    let world = World::with_own_node().await;
    let vendor = Vendor::sendgrid().await;
    world.declare(&[vendor.name]).await;
    let about = |user: usize, fault| Rule::body_contains(format!("user-{user}@"), fault);
    let fails = (1..=RETRIED).map(|user| about(user, Fault::status(503)).times(1));
    let refused = RETRIED + 1..=RETRIED + DEAD;
    let rules = fails.chain(refused.map(|user| about(user, Fault::status(400))));
    vendor.mock.control(Control { latency_ms: 20, ..Control::rules(rules) }).unwrap();
    let events = registered_many(BACKLOG + LATER);
    let (backlog, later) = events.split_at(BACKLOG);
    world.publish(backlog).await;
    let config = ProducerConfig::with_broker(world.config().clone(), "t").unwrap();
    let producer = Producer::connect(config.give_up_after(gives_up_after)).await.unwrap();

    world.node().memory_alarm(true).await.unwrap();
    let publishing = {
        let (producer, later) = (producer.clone(), later.to_vec());
        tokio::spawn(async move { publish_until_confirmed(&producer, &later).await })
    };
    let consumer = Replica::start(&world, &vendor, world.url(), &[]);
    // Whatever needs nothing but its call and its ack goes on.
    let unhindered = BACKLOG - RETRIED - DEAD;
    consumer.until_settled("delivered", unhindered).await;
    // Not a wait for a fact: the alarm itself.
    sleep(lasts).await;
    assert!(!publishing.is_finished(), "nobody is told that the broker has what it has not");
    assert_eq!(vendor.mock.totals().effects, unhindered as u64);
    assert_eq!(consumer.settled("dead").await, 0);
    assert_eq!(world.ready(&world.names(vendor.name).dead()).await, 0);

    world.node().memory_alarm(false).await.unwrap();
    let unconfirmed = publishing.await.unwrap();
    let all = (BACKLOG + LATER - DEAD) as u64;
    let patience = 2 * PATIENCE;
    vendor.mock.wait_until("all", patience, |it| it.totals().effects >= all).await.unwrap();
    let dead = world.names(vendor.name).dead();
    eventually("the dead letters", async || {
        (world.ready(&dead).await >= DEAD as u64).then_some(())
    })
    .await;
    world.until_drained(vendor.name).await;
    let letters = world.read(&dead).await;
    let ids: BTreeSet<_> = letters.iter().map(|letter| letter.id().to_owned()).collect();
    let expected = &events[RETRIED..RETRIED + DEAD];
    assert_eq!(ids, expected.iter().map(|event| event.id().to_string()).collect());
    assert_eq!(letters.len(), DEAD, "each of them once");
    let tallies = vendor.mock.effects().keys;
    for event in events.iter().filter(|event| !ids.contains(event.id().as_str())) {
        assert_eq!(tallies[&key(event, &vendor)].effects, 1, "effects of {}", event.id());
    }
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    unconfirmed
}

#[tokio::test]
async fn under_an_alarm_consumers_go_on_and_what_cannot_be_published_is_kept() {
    let unconfirmed =
        nothing_times_out_into_loss(Duration::from_secs(4), Duration::from_secs(2)).await;
    assert!(unconfirmed > 0, "who has little patience is told, and publishes again");
}

#[tokio::test]
#[ignore = "takes a minute and a half: the alarm lasts for one"]
async fn under_an_alarm_of_a_minute_too() {
    let minute = Duration::from_secs(60);
    nothing_times_out_into_loss(minute, minute).await;
}
