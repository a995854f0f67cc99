//! An outbox in SQLite when something is away, dies, or is not as it should be.

use fanfare_producer::{Producer, ProducerConfig};
use fanfare_tests::{World, eventually};

use super::stage::{
    RunningRelay, Service, assert_in_order, declare_refusing, event, events, first_copies, ids,
    stuck,
};

#[tokio::test]
async fn a_relay_that_dies_between_confirm_and_mark_is_succeeded_by_one_that_publishes_again() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    service.commit(&events("ada", 0..10)).await;

    // The service is in the middle of a long write, so nothing can be marked.
    let mut writing = service.pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let relay = service.relay(&world).await;
    relay.until_published(10).await;
    relay.crash().await;
    sqlx::query("SELECT 1").execute(&mut *writing).await.unwrap();
    writing.rollback().await.unwrap();
    assert_eq!(service.status().await.pending, 10);

    let successor = service.relay(&world).await;
    service.until_empty().await;
    successor.stop().await;
    let messages = world.read("t.crm").await;
    assert_eq!(messages.len(), 20, "each one came twice, under its own id");
    assert_in_order(&messages, &["ada"], 10);
    world.end().await;
}

#[tokio::test]
async fn while_the_broker_is_away_events_wait_and_then_come_in_their_order() {
    let mut world = World::with_own_node().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let relay = service.relay(&world).await;
    service.commit(&events("ada", 0..300)).await;
    relay.until_published(1).await;
    world.own_node().kill().await.unwrap();
    service.commit(&events("ada", 300..600)).await;
    assert!(service.status().await.pending >= 300);
    world.own_node().start().await.unwrap();
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 600);
    world.end().await;
}

#[tokio::test]
async fn connections_that_are_cut_again_and_again_change_no_order() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let proxy = world.proxy().await;
    let config = ProducerConfig::with_broker(world.config_through(proxy.address()), "t").unwrap();
    let relay = service.outbox.relay(Producer::start(config.without_declaring()));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    let subjects = ["ada", "bob", "eve"];
    for round in 0..6 {
        for subject in subjects {
            service.commit(&events(subject, round * 300..(round + 1) * 300)).await;
        }
        relay.until_published(round as u64 * 900 + 100).await;
        proxy.reset_connections();
    }
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &subjects, 1800);
    world.end().await;
}

#[tokio::test]
async fn a_relay_that_starts_before_its_table_waits_for_it() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::without_tables().await;
    let relay = service.relay(&world).await;
    service.outbox.migrate().await.unwrap();
    service.commit(&events("ada", 0..3)).await;
    service.until_empty().await;
    // And one whose table goes away for a while.
    sqlx::query("ALTER TABLE fanfare_outbox RENAME TO away").execute(&service.pool).await.unwrap();
    // Who cannot read lets go of the lock.
    let lock = service.folder.path().join("service.db-relay");
    eventually("the relay to notice", async || {
        std::fs::File::open(&lock).unwrap().try_lock().is_ok().then_some(())
    })
    .await;
    sqlx::query("ALTER TABLE away RENAME TO fanfare_outbox").execute(&service.pool).await.unwrap();
    service.commit(&events("ada", 3..6)).await;
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 6);
    world.end().await;
}

#[tokio::test]
async fn when_one_relay_dies_the_one_that_waited_goes_on() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let first = service.relay(&world).await;
    service.commit(&events("ada", 0..50)).await;
    first.until_published(50).await;
    let second = service.relay(&world).await;
    service.commit(&events("ada", 50..100)).await;
    service.until_empty().await;
    assert_eq!(second.counts.published(), 0, "one at a time");
    first.crash().await;
    service.commit(&events("ada", 100..150)).await;
    second.until_published(50).await;
    service.until_empty().await;
    second.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 150);
    world.end().await;
}

#[tokio::test]
async fn a_clean_up_that_fails_stops_no_publishing() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    for statement in [
        "INSERT INTO fanfare_outbox (event_id, event_type, body, sent_at) \
         VALUES ('old', 'user.updated', x'00', 1)",
        "CREATE TRIGGER kept_for_the_auditor BEFORE DELETE ON fanfare_outbox \
         BEGIN SELECT raise(ABORT, 'kept'); END",
    ] {
        sqlx::query(statement).execute(&service.pool).await.unwrap();
    }
    let first = service.relay(&world).await;
    service.commit(&events("ada", 0..1)).await;
    first.until_published(1).await;
    // It would take over from a relay that gives up its lock to begin anew.
    let second = service.relay(&world).await;
    for number in 1..40 {
        service.commit(&events("ada", number..number + 1)).await;
        service.until_empty().await;
    }
    assert_eq!((first.counts.published(), second.counts.published()), (40, 0));
    first.stop().await;
    second.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 40);
    world.end().await;
}

#[tokio::test]
async fn rubbish_is_refused_and_can_be_mended() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let insert = "INSERT INTO fanfare_outbox (event_id, event_type, ordering_key, body) \
         VALUES (?, 'user.updated', 'ada', ?)";
    for (id, body) in [("a", "{"), ("b", ""), ("c", r#"{"specversion":"1.0"}"#)] {
        sqlx::query(insert).bind(id).bind(body).execute(&service.pool).await.unwrap();
    }
    sqlx::query(insert).bind("d").bind(7).execute(&service.pool).await.unwrap();
    sqlx::query("INSERT INTO fanfare_outbox (event_id, event_type, body) VALUES (?, '', x'ff')")
        .bind("x".repeat(300))
        .execute(&service.pool)
        .await
        .unwrap();
    service.commit(&events("ada", 0..3)).await;
    let relay = service.relay(&world).await;
    service.until_empty().await;
    eventually("five refusals", async || (service.status().await.refused == 5).then_some(())).await;
    assert_eq!(relay.counts.refused(), 5);
    let why: String = sqlx::query_scalar("SELECT refused_why FROM fanfare_outbox WHERE id = 1")
        .fetch_one(&service.pool)
        .await
        .unwrap();
    assert!(why.starts_with("body: event is not JSON"), "{why}");

    let mended = event("ada", 3);
    sqlx::query(
        "UPDATE fanfare_outbox SET event_id = ?, body = ?, refused_at = NULL, refused_why = NULL \
         WHERE id = 1",
    )
    .bind(mended.id().to_string())
    .bind(mended.to_json())
    .execute(&service.pool)
    .await
    .unwrap();
    relay.until_published(4).await;
    service.until_empty().await;
    relay.stop().await;
    assert_eq!(first_copies(&world.read("t.crm").await), ids(&events("ada", 0..4)));
    world.end().await;
}

#[tokio::test]
async fn events_that_a_full_queue_refuses_hold_only_their_own_key() {
    let world = World::start().await;
    declare_refusing(&world).await;
    let service = Service::start().await;
    let config = ProducerConfig::with_broker(world.config().clone(), "t").unwrap();
    let relay = service.outbox.relay(Producer::start(config.without_declaring()));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    service.commit(&[stuck("eve", 0)]).await;
    eventually("a failure", async || (relay.counts.failed() > 0).then_some(())).await;
    service.commit(&[event("eve", 1), event("eve", 2)]).await;
    service.commit(&events("ada", 0..20)).await;
    relay.until_published(20).await;
    assert_eq!(service.status().await.pending, 3);
    relay.stop().await;
    world.end().await;
}
