//! What stands on the broker, and how it is compared with what should.

use fanfare_broker::topology::{
    Argument, DeclareError, Depth, DestinationPlan, Drift, ExchangeKind, Finding, Queue, Topology,
    declare, verify,
};
use fanfare_tests::{World, deleted, registered};

use super::stage::{exchange, objects, to_queue};

fn planned(world: &World, subscriptions: &[&str]) -> Topology {
    let patterns: Vec<_> = subscriptions.iter().map(|&pattern| pattern.to_owned()).collect();
    let plan = DestinationPlan::new(world.namespace(), "crm", &patterns).unwrap();
    Topology::of(world.namespace(), &[plan])
}

/// What differs, of everything that `topology` says.
async fn drift(world: &World, topology: &Topology) -> Vec<Finding> {
    let mut findings = verify(world.config(), topology, Depth::Arguments).await.unwrap();
    assert_eq!(findings.len(), topology.exchanges.len() + topology.queues.len());
    findings.retain(|finding| finding.drift != Drift::None);
    findings
}

#[tokio::test]
async fn declaring_twice_changes_nothing_and_keeps_what_waits() {
    let world = World::start().await;
    let topology = planned(&world, &["user.#"]);
    declare(world.config(), &topology).await.unwrap();
    assert_eq!(drift(&world, &topology).await, []);

    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    declare(world.config(), &topology).await.unwrap();
    producer.publish(&registered(2)).await.unwrap();
    producer.close().await;

    assert_eq!(drift(&world, &topology).await, []);
    assert_eq!(world.read("t.crm").await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn whatever_is_missing_is_found() {
    let world = World::start().await;
    let topology = planned(&world, &["user.#"]);
    let missing = drift(&world, &topology).await;
    assert_eq!(missing.len(), topology.exchanges.len() + topology.queues.len());
    assert!(missing.iter().all(|finding| finding.drift == Drift::Missing), "{missing:?}");

    declare(world.config(), &Topology::of_namespace(world.namespace())).await.unwrap();
    let missing: Vec<_> = drift(&world, &topology).await;
    assert!(missing.iter().all(|finding| finding.object.contains("t.crm")), "{missing:?}");
    assert!(missing.iter().any(|finding| finding.object == "exchange t.crm.in"));
    assert!(missing.iter().any(|finding| finding.object == "queue t.crm.delay.16"));
    world.end().await;
}

/// `t.crm` as somebody else would declare it.
fn foreign_queue() -> Queue {
    let arguments = vec![
        ("x-queue-type", Argument::Text("quorum".to_owned())),
        ("x-delivery-limit", Argument::Number(7)),
        ("x-dead-letter-exchange", Argument::Text("elsewhere".to_owned())),
        ("x-overflow", Argument::Text("drop-head".to_owned())),
    ];
    Queue { name: "t.crm".to_owned(), arguments }
}

#[tokio::test]
async fn every_argument_that_differs_is_named() {
    let world = World::start().await;
    let topology = planned(&world, &[]);
    let mut altered = topology.clone();
    for queue in &mut altered.queues {
        if queue.name == "t.crm" {
            *queue = foreign_queue();
        }
    }
    for exchange in &mut altered.exchanges {
        match exchange.name.as_str() {
            "t.events" => exchange.alternate = None,
            "t.crm.replay" => exchange.kind = ExchangeKind::Topic,
            "t.crm.due" => exchange.internal = false,
            _ => {}
        }
    }
    declare(world.config(), &altered).await.unwrap();

    let found = drift(&world, &topology).await;
    let differences = |object: &str| {
        let finding = found.iter().find(|finding| finding.object == object);
        match finding.map(|finding| &finding.drift) {
            Some(Drift::Different(differences)) => differences.clone(),
            other => panic!("{object}: {other:?}"),
        }
    };
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(differences("exchange t.events")[0].contains("alternate-exchange"));
    assert!(differences("exchange t.crm.replay")[0].contains("type"));
    assert!(differences("exchange t.crm.due")[0].contains("internal"));
    let of_queue = differences("queue t.crm");
    for argument in
        ["x-delivery-limit", "x-dead-letter-exchange", "x-dead-letter-strategy", "x-overflow"]
    {
        let named = of_queue.iter().filter(|difference| difference.contains(argument)).count();
        assert_eq!(named, 1, "{argument} in {of_queue:#?}");
    }
    assert_eq!(of_queue.len(), 4, "{of_queue:#?}");
    world.end().await;
}

#[tokio::test]
async fn declaring_over_another_object_names_it_and_leaves_it_alone() {
    let world = World::start().await;
    let foreign = Topology { queues: vec![foreign_queue()], ..objects() };
    declare(world.config(), &foreign).await.unwrap();

    let topology = planned(&world, &[]);
    match declare(world.config(), &topology).await {
        Err(DeclareError::Object { object, source }) => {
            assert_eq!(object, "queue t.crm");
            assert!(source.is_precondition_failed(), "{source}");
            assert!(source.to_string().contains("inequivalent arg"), "{source}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(drift(&world, &foreign).await, []);
    world.end().await;
}

#[tokio::test]
async fn a_binding_to_what_does_not_exist_is_named() {
    let world = World::start().await;
    let topology = Topology {
        exchanges: vec![exchange("t.events", ExchangeKind::Fanout)],
        bindings: vec![to_queue("t.events", "t.nowhere", "key")],
        ..objects()
    };
    match declare(world.config(), &topology).await {
        Err(DeclareError::Object { object, source }) => {
            assert_eq!(object, "binding t.events -> queue t.nowhere by key");
            assert!(source.is_not_found(), "{source}");
        }
        other => panic!("{other:?}"),
    }
    world.end().await;
}

#[tokio::test]
async fn another_subscription_replaces_the_way_that_events_come_in_by() {
    let world = World::start().await;
    let producer = world.producer().await;
    let mut waiting = 0;
    for (subscriptions, registered_arrives, deleted_arrives) in [
        (&[][..], true, true),
        (&["user.registered"][..], true, false),
        (&[][..], true, true),
        (&["#"][..], true, true),
    ] {
        declare(world.config(), &planned(&world, subscriptions)).await.unwrap();
        for (event, arrives) in [(registered(1), registered_arrives), (deleted(1), deleted_arrives)]
        {
            let receipt = producer.publish(&event).await.unwrap();
            assert_eq!(receipt.routed, arrives, "{subscriptions:?}: {}", event.event_type());
            // Once, however the subscription changed: the old way in is closed.
            waiting += u64::from(arrives);
            assert_eq!(world.ready("t.crm").await, waiting, "{subscriptions:?}");
        }
    }
    producer.close().await;
    assert_eq!(world.ready(&world.namespace().unrouted()).await, 0, "matching nothing is meant");
    world.end().await;
}
