//! An outbox in PostgreSQL when something is away, or is not as it should be.

use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::postgres::PostgresNode;
use fanfare_tests::{World, eventually};

use super::postgres_stage::{INSERT, PgService};
use super::stage::{RunningRelay, assert_in_order, event, events, first_copies, ids};

#[tokio::test]
async fn while_the_broker_is_away_events_wait_and_no_transaction_is_held() {
    let mut world = World::with_own_node().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let relay = service.relay(&world).await;
    service.commit(&events("ada", 0..300)).await;
    relay.until_published(1).await;
    world.own_node().kill().await.unwrap();
    service.commit(&events("ada", 300..600)).await;
    eventually("the relay to let go of its lanes", async || {
        let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND state LIKE 'idle in transaction%'";
        (service.count(held).await == 0).then_some(())
    })
    .await;
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
    let service = PgService::start().await;
    let proxy = world.proxy().await;
    let config = ProducerConfig::with_broker(world.config_through(proxy.address()), "t").unwrap();
    let relay = service.outbox.relay(Producer::start(config.without_declaring()));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    let subjects = ["ada", "bob", "eve"];
    for round in 0..6 {
        for subject in subjects {
            service.commit(&events(subject, round * 200..(round + 1) * 200)).await;
        }
        relay.until_published(round as u64 * 600 + 50).await;
        proxy.reset_connections();
    }
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &subjects, 1200);
    world.end().await;
}

#[tokio::test]
async fn a_database_that_dies_and_comes_back_is_gone_on_with() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let mut node = PostgresNode::private().await.unwrap();
    let service = PgService::on(&node).await;
    service.outbox.migrate().await.unwrap();
    let relay = service.relay(&world).await;
    for round in 0..3 {
        service.commit(&events("ada", round * 200..(round + 1) * 200)).await;
        relay.until_published(round as u64 * 200 + 20).await;
        node.kill().unwrap();
        node.start().await.unwrap();
        // The service's connections are as dead as the relay's were.
        eventually("the service to have its database again", async || {
            service.outbox.status().await.ok()
        })
        .await;
    }
    service.commit(&events("ada", 600..700)).await;
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 700);
    world.end().await;
}

#[tokio::test]
async fn a_relay_that_starts_before_its_tables_waits_for_them() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::without_tables().await;
    let relay = service.relay(&world).await;
    service.outbox.migrate().await.unwrap();
    service.commit(&events("ada", 0..3)).await;
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 3);
    world.end().await;
}

#[tokio::test]
async fn rubbish_is_refused_and_can_be_mended() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    for (id, body) in [("a", "{"), ("b", ""), ("c", r#"{"specversion":"1.0"}"#)] {
        let row = sqlx::query(INSERT).bind(id).bind("user.updated").bind("ada");
        row.bind(body.as_bytes()).execute(&service.pool).await.unwrap();
    }
    service.commit(&events("ada", 0..3)).await;
    let relay = service.relay(&world).await;
    service.until_empty().await;
    assert_eq!(service.status().await.refused, 3);
    assert_eq!(relay.counts.refused(), 3);
    let why: String = sqlx::query_scalar("SELECT refused_why FROM fanfare_outbox WHERE id = 1")
        .fetch_one(&service.pool)
        .await
        .unwrap();
    assert!(why.starts_with("body: event is not JSON"), "{why}");

    let mended = event("ada", 3);
    sqlx::query(
        "UPDATE fanfare_outbox SET event_id = $1, body = $2, refused_at = NULL, \
         refused_why = NULL WHERE id = 1",
    )
    .bind(mended.id().as_str())
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
