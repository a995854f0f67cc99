//! An outbox in PostgreSQL of which the broker refuses rows: they wait, and nothing else does.

use fanfare_producer::{Producer, ProducerConfig};
use fanfare_tests::{World, eventually};

use super::postgres_stage::PgService;
use super::stage::{
    RunningRelay, assert_in_order, declare_refusing, event, events, refuse_no_more, stuck,
};

async fn pending(service: &PgService, rows: usize) {
    // Published is told before it is marked.
    eventually(&format!("{rows} rows to wait"), async || {
        (service.status().await.pending == rows as u64).then_some(())
    })
    .await;
}

fn relay(world: &World, service: &PgService) -> RunningRelay {
    let config = ProducerConfig::with_broker(world.config().clone(), "t").unwrap();
    let relay = service.outbox.relay(Producer::start(config.without_declaring()));
    RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown))
}

#[tokio::test]
async fn events_that_a_full_queue_refuses_hold_only_their_own_key() {
    let world = World::start().await;
    declare_refusing(&world).await;
    let service = PgService::start().await;
    let relay = relay(&world, &service);
    service.commit(&[stuck("eve", 0)]).await;
    eventually("a failure", async || (relay.counts.failed() > 0).then_some(())).await;
    service.commit(&[event("eve", 1), event("eve", 2)]).await;
    service.commit(&events("ada", 0..20)).await;
    relay.until_published(20).await;
    pending(&service, 3).await;
    refuse_no_more(&world).await;
    service.until_empty().await;
    relay.stop().await;
    assert_in_order(&world.read("stuck").await, &["eve"], 1);
    world.end().await;
}

#[tokio::test]
async fn however_much_is_refused_the_rest_is_published_and_in_the_end_all_in_order() {
    const KEYS: usize = 64;
    const EACH: usize = 130;
    let world = World::start().await;
    declare_refusing(&world).await;
    let service = PgService::start().await;
    let subjects: Vec<_> = (0..KEYS).map(|number| format!("eve{number}")).collect();
    for subject in &subjects {
        let refused: Vec<_> = (0..EACH).map(|number| stuck(subject, number)).collect();
        service.commit(&refused).await;
    }
    // A key of its own for each, so that they come into many lanes.
    let others: Vec<_> = (0..20).map(|number| event(&format!("ada{number}"), 0)).collect();
    service.commit(&others).await;
    let relay = relay(&world, &service);
    relay.until_published(20).await;
    pending(&service, KEYS * EACH).await;
    assert_eq!(service.status().await.refused, 0, "what is refused for now is no rubbish");

    refuse_no_more(&world).await;
    service.until_empty().await;
    relay.stop().await;
    let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
    assert_in_order(&world.read("stuck").await, &subjects, EACH);
    assert_eq!(world.read("taken").await.len(), others.len());
    world.end().await;
}

#[tokio::test]
async fn a_late_commit_is_published_before_what_was_written_after_it_however_much_is_refused() {
    let world = World::start().await;
    declare_refusing(&world).await;
    let service = PgService::start().await;
    // Drawn first, committed last.
    let mut late = service.pool.begin().await.unwrap();
    service.outbox.enqueue(&mut late, &event("ada", 0)).await.unwrap();
    let refused: Vec<_> = (0..3000).map(|number| stuck("eve", number)).collect();
    service.commit(&refused).await;
    let relay = relay(&world, &service);
    eventually("a failure", async || (relay.counts.failed() > 0).then_some(())).await;
    service.commit(&events("bob", 0..20)).await;
    relay.until_published(20).await;
    late.commit().await.unwrap();
    service.commit(&events("ada", 1..20)).await;
    relay.until_published(40).await;
    pending(&service, refused.len()).await;
    relay.stop().await;
    assert_in_order(&world.read("taken").await, &["ada", "bob"], 20);
    world.end().await;
}
