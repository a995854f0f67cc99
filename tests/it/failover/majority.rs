//! Two of three nodes are lost: nothing is taken that could be lost, and nothing is.

use std::time::Duration;

use fanfare_events::Event;
use fanfare_producer::{Producer, ProducerConfig};
use fanfare_tests::{eventually, registered_many};

use super::stage::Stage;

/// Less than it takes a node to come back.
const GIVE_UP: Duration = Duration::from_secs(4);

#[tokio::test]
#[ignore = "two nodes start again, the first of which waits for the second: 60 s"]
async fn without_a_majority_nothing_is_confirmed_and_with_one_all_goes_on() {
    let mut stage = Stage::set().await;
    let config = stage.world.config().clone();
    let config = ProducerConfig::with_broker(config, stage.world.namespace().as_str()).unwrap();
    let producer = Producer::connect(config.give_up_after(GIVE_UP)).await.unwrap();
    let events = registered_many(300);
    let (before, rest) = events.split_at(100);
    let (meanwhile, after) = rest.split_at(100);
    assert_eq!(confirmed(&producer, before).await, before.len());

    let leader = stage.leader_of(&stage.queue()).await;
    let nodes = stage.world.cluster().size();
    let other = (leader + 1) % nodes;
    for node in [leader, other] {
        stage.world.own_cluster().kill(node).await.unwrap();
    }
    assert_eq!(confirmed(&producer, meanwhile).await, 0, "two nodes of three are gone");

    stage.world.own_cluster().start(other).await.unwrap();
    until_confirmed(&producer, meanwhile).await;
    until_confirmed(&producer, after).await;
    stage.world.own_cluster().start(leader).await.unwrap();
    stage.until_whole().await;
    // What was answered with an error may have been taken: then it was published twice.
    stage.assert_whole(&events, 5).await;
    producer.close().await;
    stage.end().await;
}

/// Publishes all at once; how many were answered `Ok`. All others may be tried again.
async fn confirmed(producer: &Producer, events: &[Event]) -> usize {
    let answers = producer.publish_all(events).await;
    let mut confirmed = 0;
    for answer in answers {
        match answer {
            Ok(receipt) => confirmed += usize::from(receipt.routed),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
    confirmed
}

/// Publishes the same again until all are answered `Ok`, as a service would.
async fn until_confirmed(producer: &Producer, events: &[Event]) {
    eventually("confirms by a majority", async || {
        (confirmed(producer, events).await == events.len()).then_some(())
    })
    .await;
}
