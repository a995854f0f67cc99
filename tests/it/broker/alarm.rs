//! A broker under an alarm takes nothing from publishers; consumers go on.

use std::time::Duration;

use fanfare_broker::{LinkState, PublishError, Publisher, PublisherOptions};
use fanfare_tests::{World, within};
use futures_util::future::join_all;

use super::stage::{
    assert_nothing_left, declare_queues, fill, ids_of, message, next, publisher, route,
    subscription,
};

async fn until_blocked(publisher: &Publisher) {
    let mut link = publisher.link();
    drop(
        within("the link to be blocked", link.wait_for(|now| *now == LinkState::Blocked))
            .await
            .expect("the publisher lives"),
    );
}

#[tokio::test]
async fn under_an_alarm_publishes_wait_or_say_so_and_consumers_go_on() {
    const WAITING: usize = 100;
    let world = World::with_own_node().await;
    declare_queues(&world, &["in", "out"]).await;
    fill(&world, "in", 0..WAITING).await;
    let patient = publisher(world.config());
    let hasty = Publisher::start(
        world.config(),
        "fanfare tests in a hurry",
        PublisherOptions { give_up_after: Duration::from_secs(2), ..PublisherOptions::default() },
    );
    let way = route("x", "out");
    let mut consumer = subscription(world.config(), "in", 10);
    let first = next(&mut consumer).await;

    world.node().memory_alarm(true).await.unwrap();
    // RabbitMQ blocks a connection when it publishes; that first message may still get through.
    let nudges = [(&patient, 0), (&hasty, 1)].map(|(publisher, number)| {
        let (publisher, way) = (publisher.clone(), way.clone());
        tokio::spawn(async move { publisher.publish(&way, message(number)).await })
    });
    tokio::join!(until_blocked(&patient), until_blocked(&hasty));

    // Publishes wait; who has no patience is told why.
    let patiently = {
        let (patient, way) = (patient.clone(), way.clone());
        tokio::spawn(async move {
            join_all((2..50).map(|number| patient.publish(&way, message(number)))).await
        })
    };
    match hasty.publish(&way, message(50)).await {
        Err(PublishError::Unconfirmed { blocked: true, waited, .. }) => {
            assert!(waited >= Duration::from_secs(2), "{waited:?}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!patiently.is_finished());

    // Meanwhile consumers take and ack on their own connections.
    first.ack();
    for _ in 1..WAITING {
        next(&mut consumer).await.ack();
    }
    consumer.close().await;
    assert_eq!(world.ready("in").await, 0);
    assert!(!patiently.is_finished());

    world.node().memory_alarm(false).await.unwrap();
    let verdicts = within("the publishes that waited", patiently).await.unwrap();
    assert!(verdicts.into_iter().all(|verdict| verdict.unwrap().routed));
    let mut link = patient.link();
    drop(within("the link to be up", link.wait_for(|now| *now == LinkState::Up)).await.unwrap());
    let [patient_nudge, _] = nudges;
    assert!(within("the first publish", patient_nudge).await.unwrap().unwrap().routed);
    patient.close().await;
    hasty.close().await;

    let arrived = ids_of(&world.read("out").await);
    for number in 2..50 {
        let id = super::stage::id(number);
        assert_eq!(arrived.iter().filter(|arrived| **arrived == id).count(), 1, "{id}");
    }
    assert_nothing_left(&world, "in").await;
    world.end().await;
}
