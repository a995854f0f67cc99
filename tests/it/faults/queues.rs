//! A destination's queue is deleted while events flow; and a broker that is stopped in order.

use fanfare_sandbox::mock::Control;
use fanfare_tests::{PATIENCE, Replica, Vendor, World, registered_many};

use super::{assert_each_delivered_once, fanfare, key, publish_until_confirmed, until_delivered};

const EVENTS: usize = 300;

/// What a queue held is gone with it, and so is what was meant for it until it stands again; that
/// is nobody's to bring back but the archive's. Everything else goes on.
#[tokio::test]
async fn a_queue_that_is_deleted_under_load_takes_nothing_else_with_it() {
    let world = World::start().await;
    let (crm, mail) = tokio::join!(Vendor::hubspot(), Vendor::sendgrid());
    world.declare(&[crm.name, mail.name]).await;
    let vendors = [&crm, &mail];
    let consumers = vendors.map(|vendor| {
        vendor.mock.control(Control::latency(10, 10)).unwrap();
        Replica::start(&world, vendor, world.url(), &[])
    });
    for vendor in vendors {
        world.until_consumers(world.names(vendor.name).queue(), 1).await;
    }
    let producer = world.producer().await;
    let events = registered_many(EVENTS);
    let (before, rest) = events.split_at(EVENTS / 3);
    let (during, after) = rest.split_at(EVENTS / 3);
    publish_until_confirmed(&producer, before).await;
    let queue = world.names(mail.name).queue().to_owned();
    world.node().rabbitmqctl(&["delete_queue", &queue, "--vhost", world.vhost()]).await.unwrap();
    consumers[1].program.until_logged("Stopped consuming").await;
    // The other destination has them, so somebody does.
    publish_until_confirmed(&producer, during).await;

    fanfare(&world, &["topology", "apply", "-d", crm.name, "-d", mail.name]).await;
    world.until_consumers(&queue, 1).await;
    publish_until_confirmed(&producer, after).await;

    until_delivered(&crm, &events).await;
    assert_each_delivered_once(&world, &crm, &events).await;
    mail.mock
        .wait_until("what came after", PATIENCE, |mock| {
            let keys = mock.effects().keys;
            after.iter().all(|event| keys.contains_key(&key(event, &mail)))
        })
        .await
        .unwrap();
    let mails = mail.mock.effects().keys;
    assert!(mails.values().all(|tally| tally.effects == 1), "nothing is sent twice");
    assert!(during.iter().all(|event| !mails.contains_key(&key(event, &mail))));
    for consumer in consumers {
        consumer.stop().await;
    }
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_broker_that_is_stopped_in_order_under_load_loses_nothing() {
    let mut world = World::with_own_node().await;
    let vendor = Vendor::hubspot().await;
    world.declare(&[vendor.name]).await;
    let consumer = Replica::start(&world, &vendor, world.url(), &[]);
    let producer = world.producer().await;
    let events = registered_many(EVENTS);
    for burst in events.chunks(EVENTS / 2) {
        let publishing = {
            let (producer, burst) = (producer.clone(), burst.to_vec());
            tokio::spawn(async move { publish_until_confirmed(&producer, &burst).await })
        };
        world.own_node().stop().await.unwrap();
        world.own_node().start().await.unwrap();
        publishing.await.unwrap();
    }
    until_delivered(&vendor, &events).await;
    assert_each_delivered_once(&world, &vendor, &events).await;
    let noticed = consumer.program.log().iter().filter(|it| it.contains("will try again")).count();
    assert!(noticed >= 2, "each stop was noticed: {noticed}");
    consumer.stop().await;
    producer.close().await;
    world.end().await;
}
