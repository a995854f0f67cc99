//! Publishes arrive and their confirms do not: everything is published again, and delivered once.

use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::proxy::{Direction, FaultProxy, Faults};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{PATIENCE, Replica, Vendor, World, eventually, registered_many};
use tokio::time::{Duration, sleep};

use super::{assert_each_delivered_once, publish_until_confirmed, repeated_calls, until_delivered};

const EVENTS: usize = 200;

/// `lost` is how confirms are lost, until the producer has reason to publish again.
async fn doubles_have_no_second_effect(lost: impl AsyncFnOnce(&World, &FaultProxy)) {
    let world = World::start().await;
    let redis = RedisNode::private().await.unwrap();
    let (crm, mail) = tokio::join!(Vendor::hubspot(), Vendor::sendgrid());
    world.declare(&[crm.name, mail.name]).await;
    // One that remembers by itself, and two that share what they know.
    let shared = [("FANFARE_LEDGER", redis.url())];
    let alone = Replica::start(&world, &crm, world.url(), &[]);
    let together = [(); 2].map(|()| Replica::start(&world, &mail, world.url(), &shared));
    let proxy = world.proxy().await;
    let producer = Producer::connect(
        ProducerConfig::with_broker(world.config_through(proxy.address()), "t").unwrap(),
    )
    .await
    .unwrap();
    let events = registered_many(EVENTS);
    let (first, others) = events.split_at(1);
    assert_eq!(publish_until_confirmed(&producer, first).await, 0, "it is connected");

    proxy.set(Faults::withhold(Direction::Replies));
    let publishing = {
        let (producer, others) = (producer.clone(), others.to_vec());
        tokio::spawn(async move { publish_until_confirmed(&producer, &others).await })
    };
    // They are with the APIs, and their producer knows nothing of it.
    tokio::join!(until_delivered(&crm, &events), until_delivered(&mail, &events));
    lost(&world, &proxy).await;
    assert!(!publishing.is_finished(), "no confirm has passed");
    proxy.heal().await.unwrap();
    publishing.await.unwrap();
    assert!(proxy.counts().withheld > 0, "{:?}", proxy.counts());

    let doubled = async |replicas: &[Replica]| {
        let mut known = 0;
        for replica in replicas {
            known += replica.settled("duplicate").await;
        }
        known
    };
    let alone = [alone];
    for replicas in [alone.as_slice(), &together] {
        let what = "every event to come again, and to be known";
        eventually(what, async || (doubled(replicas).await >= EVENTS as u64 - 1).then_some(()))
            .await;
    }
    for vendor in [&crm, &mail] {
        assert_each_delivered_once(&world, vendor, &events).await;
        assert_eq!(repeated_calls(vendor), 0, "the ledger answers for {}", vendor.name);
    }
    for replica in alone.into_iter().chain(together) {
        replica.stop().await;
    }
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn what_is_published_again_because_its_confirm_was_lost_is_delivered_once() {
    doubles_have_no_second_effect(async |_, proxy| {
        proxy.reset_connections();
        proxy.wait_until("the cut", PATIENCE, |counts| counts.resets > 0).await.unwrap();
    })
    .await;
}

#[tokio::test]
#[ignore = "takes a minute: the confirms are lost for longer than the producer waits for one"]
async fn confirms_that_are_lost_for_thirty_seconds_are_asked_for_again() {
    doubles_have_no_second_effect(async |_, proxy| {
        // Not a wait for a fact: the fault itself.
        sleep(Duration::from_secs(30)).await;
        let again = |counts: &fanfare_sandbox::proxy::Counts| counts.connections >= 3;
        proxy.wait_until("the producer to dial again", PATIENCE, again).await.unwrap();
        assert_eq!(proxy.counts().resets, 0, "it found out by itself");
    })
    .await;
}
