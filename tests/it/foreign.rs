//! Producers that know the wire and not this project.

use fanfare_broker::{Message, Publisher, PublisherOptions, Route};
use fanfare_sandbox::mock::MockApi;
use fanfare_tests::{PATIENCE, RunningConsumer, World};

#[tokio::test]
async fn both_modes_of_a_cloud_event_reach_every_destination() {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    let (crm, mail) = (MockApi::sink().await.unwrap(), MockApi::sink().await.unwrap());
    let consumers = [
        RunningConsumer::start(&world, "crm", &crm, &[]),
        RunningConsumer::start(&world, "mail", &mail, &[]),
    ];
    let publisher = Publisher::start(world.config(), "foreign", PublisherOptions::default());
    let route = Route::new(&world.namespace().events(), "com.example.paid").unwrap();

    let body = r#" { "type":"com.example.paid", "source":"https://shop.example/orders",
        "id":"A-1", "specversion":"1.0", "data":{"total": 10.50}, "comexampletrace": 7 } "#;
    let structured = Message::new("A-1", body)
        .unwrap()
        .content_type("application/cloudevents+json; charset=utf-8")
        .unwrap();
    let binary = Message::new("A-2", r#"{"total":  9.00}"#)
        .unwrap()
        .content_type("application/json")
        .unwrap()
        .attribute("specversion", "1.0")
        .attribute("id", "A-2")
        .attribute("source", "https://shop.example/orders")
        .attribute("type", "com.example.paid");
    publisher.publish(&route, structured).await.unwrap();
    publisher.publish(&route, binary).await.unwrap();

    for api in [&crm, &mail] {
        api.wait_until("both events", PATIENCE, |api| api.totals().accepted == 2).await.unwrap();
    }
    let dead = world.names("crm").dead();
    assert_eq!(world.ready(&dead).await, 0);
    publisher.close().await;
    for consumer in consumers {
        consumer.stop().await;
    }
    world.end().await;
}

#[tokio::test]
async fn an_event_in_binary_mode_survives_its_retries() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let api = MockApi::sink().await.unwrap();
    let failure = fanfare_sandbox::mock::Fault::status(500);
    api.control(fanfare_sandbox::mock::Control::script([failure])).unwrap();
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    let publisher = Publisher::start(world.config(), "foreign", PublisherOptions::default());
    let route = Route::new(&world.namespace().events(), "t").unwrap();
    let binary = Message::new("B-1", "plain text")
        .unwrap()
        .content_type("text/plain")
        .unwrap()
        .attribute("specversion", "1.0")
        .attribute("id", "B-1")
        .attribute("source", "/s")
        .attribute("type", "t");
    publisher.publish(&route, binary).await.unwrap();
    api.wait_until("the second attempt", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    let log = api.log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].keys, log[1].keys);
    assert_eq!(log[0].body_hash, log[1].body_hash, "the same event in every attempt");
    publisher.close().await;
    consumer.stop().await;
    world.end().await;
}
