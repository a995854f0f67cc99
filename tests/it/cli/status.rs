//! What waits, what is retried and what is dead.

use std::time::Duration;

use fanfare_broker::topology::{DelayRoute, Precision};
use fanfare_broker::{Cause, Message, Publisher, PublisherOptions, Route};
use fanfare_sandbox::broker::Permissions;
use fanfare_sandbox::mock::{Control, Fault, MockApi};
use fanfare_tests::{RunningConsumer, World, eventually, registered, registered_many};
use serde_json::{Value, json};

use super::{Letter, Tool, bury};

const PATIENCE: Duration = Duration::from_secs(20);
/// Enough for each of two replicas to find out that the API is well.
const EVENTS: u64 = 40;

#[tokio::test]
async fn each_destination_is_counted() {
    let world = World::start().await;
    world.declare(&["crm", "mail"]).await;
    world.publish(&registered_many(4)).await;
    bury(&world, "crm", &[Letter::of(&registered(9), Cause::Rejected)]).await;
    let publisher = Publisher::start(world.config(), "tests", PublisherOptions::default());
    for (number, seconds) in [600, 3600, 3600].into_iter().enumerate() {
        let delay = DelayRoute::new(Duration::from_secs(seconds), Precision::Backoff);
        let exchange = world.names("crm").delay(delay.entry);
        let route = Route::new(&exchange, &delay.routing_key).unwrap();
        let message = Message::new(&format!("late-{number}"), "{}").unwrap();
        assert!(publisher.publish(&route, message).await.unwrap().routed);
    }
    publisher.close().await;
    world.until_delayed("crm", 3).await;
    world.until_ready(world.names("crm").queue(), 4).await;

    let tool = Tool::new(&world);
    let objects = tool.run("status -d crm -d mail --json").await.ok().objects();
    let [crm, mail, namespace] = &objects[..] else { panic!("{objects:?}") };
    assert_eq!(crm["destination"], "crm");
    assert_eq!((&crm["ready"], &crm["retrying"], &crm["dead"]), (&json!(4), &json!(3), &json!(1)));
    assert_eq!(crm["next_due_within_s"], 512, "the level that the shortest delay waits in first");
    assert_eq!(crm["oldest_dead_at"], "2023-11-14T22:13:20Z");
    assert_eq!(crm["in_flight"], Value::Null, "AMQP cannot tell");
    assert_eq!((&mail["ready"], &mail["dead"]), (&json!(4), &json!(0)));
    assert_eq!(mail["oldest_dead_at"], Value::Null);
    assert_eq!(namespace, &json!({ "namespace": "t", "unrouted": 0 }));

    let table = tool.run("status -d crm -d mail").await.ok();
    assert!(table.out.contains("within 8 min"), "{}", table.out);
    assert!(!table.out.contains('\u{1b}'), "no colours in a pipe");
    world.end().await;
}

/// Up to RabbitMQ 4.2.5 everybody may look at a queue, later only who has a right to it.
#[tokio::test]
async fn an_operator_who_may_not_look_at_every_queue_hears_of_the_others() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    bury(&world, "crm", &[Letter::of(&registered(9), Cause::Rejected)]).await;
    let operator =
        Permissions { configure: "^$", write: "^t\\..*\\.replay$", read: "^t\\..*\\.dead$" };
    let url = world.user(operator).await;
    let tool = Tool::new(&world);

    let objects = tool.run(&format!("status -d crm --json --amqp-url {url}")).await.ok().objects();
    let [crm, namespace] = &objects[..] else { panic!("{objects:?}") };
    assert_eq!((&crm["dead"], &crm["oldest_dead_at"]), (&json!(1), &json!("2023-11-14T22:13:20Z")));
    let may_look = crm["exists"] == true;
    let zero_or_null = if may_look { json!(0) } else { Value::Null };
    for figure in ["ready", "retrying", "consumers"] {
        assert_eq!(crm[figure], zero_or_null, "{figure}");
    }
    assert_eq!(namespace["unrouted"], zero_or_null);

    let table = tool.run(&format!("status -d crm --amqp-url {url}")).await.ok();
    assert_eq!(table.out.contains("may not look at (crm, unrouted)"), !may_look, "{}", table.out);
    world.end().await;
}

#[tokio::test]
async fn a_destination_that_does_not_exist_is_said() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let tool = Tool::new(&world);
    let answer = tool.run("status -d crm -d nobody").await;
    assert_eq!(answer.code, 1);
    assert!(answer.err.contains("nobody"), "{}", answer.err);
    let answer = tool.run("status").await;
    assert_eq!(answer.code, 2, "AMQP cannot list destinations");
    assert!(answer.err.contains("FANFARE_DESTINATIONS"), "{}", answer.err);
    world.end().await;
}

#[tokio::test]
async fn trouble_that_each_replica_meets_itself_is_seen_and_a_resume_has_them_look_again() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::all(Fault::status(401))).unwrap();
    let one_attempt = [("FANFARE_RETRY_ATTEMPTS", "1"), ("FANFARE_MAX_CONCURRENCY", "1")];
    let replicas: Vec<_> =
        (0..2).map(|_| RunningConsumer::start(&world, "crm", &api, &one_attempt)).collect();
    world.until_consumers(world.names("crm").queue(), 2).await;
    world.publish(&registered_many(EVENTS as usize)).await;

    let tool = Tool::new(&world);
    let status = async || tool.run("status -d crm --json").await.ok().objects()[0].clone();
    let seen = eventually("both replicas' trouble in the status", async || {
        Some(status().await).filter(|seen| seen["troubled"] == 2)
    })
    .await;
    assert_eq!(seen["state"], "troubled");
    assert_eq!(seen["state_why"], "unauthorized: the API answered 401 Unauthorized");
    assert!(seen["state_until"].as_str() > seen["state_since"].as_str(), "{seen}");
    assert!(seen["state_by"].is_string() && seen["troubled_said"].is_string(), "{seen}");
    let table = tool.run("status -d crm").await.ok();
    assert!(table.out.contains("in trouble since "), "{}", table.out);
    assert!(table.out.contains("by 2 replicas, said "), "{}", table.out);

    api.heal();
    let resumed = tool.run("resume -d crm").await.ok();
    assert!(resumed.out.starts_with("crm: in trouble since "), "{}", resumed.out);
    assert!(resumed.err.contains("its replicas look again now"), "{}", resumed.err);
    eventually("a status that is well", async || {
        (status().await["state"] == "running").then_some(())
    })
    .await;
    api.wait_until("every event", PATIENCE, |api| api.totals().accepted == EVENTS).await.unwrap();
    world.until_drained("crm").await;
    assert_eq!(world.ready(&world.names("crm").dead()).await, 0, "no attempt was spent");
    for replica in replicas {
        replica.stop().await;
    }
    world.end().await;
}
