//! Several relays on one outbox in PostgreSQL.

use fanfare_tests::{World, eventually};

use super::postgres_stage::PgService;
use super::stage::{assert_in_order, event, events};

const EACH: usize = 60;

#[tokio::test]
async fn relays_share_the_work_and_when_one_dies_the_other_does_all_of_it() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let subjects: Vec<_> = (0..20).map(|number| format!("user{number:02}")).collect();
    let first = service.relay(&world).await;
    let second = service.relay(&world).await;
    // Both have something to do, however unlike their starts are.
    let mut number = 0;
    while (first.counts.published() == 0 || second.counts.published() == 0) && number < EACH {
        for subject in &subjects {
            service.commit(&[event(subject, number)]).await;
        }
        number += 1;
    }
    assert!(number < EACH, "one of them did everything");
    // In the midst of its work.
    service.commit(&all(&subjects, number..EACH)).await;
    first.crash().await;
    service.until_empty().await;
    second.stop().await;
    let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
    assert_in_order(&world.read("t.crm").await, &subjects, EACH);
    world.end().await;
}

#[tokio::test]
async fn as_long_as_all_is_well_nothing_is_published_twice() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let relays = [service.relay(&world).await, service.relay(&world).await];
    let subjects: Vec<_> = (0..8).map(|number| format!("user{number}")).collect();
    let writers = subjects.iter().map(async |subject| {
        for number in 0..EACH {
            service.commit(&[event(subject, number)]).await;
        }
    });
    futures_util::future::join_all(writers).await;
    service.until_empty().await;
    for relay in relays {
        relay.stop().await;
    }
    let messages = world.read("t.crm").await;
    assert_eq!(messages.len(), subjects.len() * EACH);
    let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
    assert_in_order(&messages, &subjects, EACH);
    world.end().await;
}

#[tokio::test]
async fn a_relay_that_dies_between_confirm_and_mark_is_succeeded_by_one_that_publishes_again() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    service.commit(&events("ada", 0..10)).await;
    // An operator edits the rows, so nothing can be marked.
    let mut editing = service.pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM fanfare_outbox FOR UPDATE").execute(&mut *editing).await.unwrap();
    let relay = service.relay(&world).await;
    relay.until_published(10).await;
    eventually("the relay to wait for the operator", async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
             AND datname = current_database()";
        (service.count(waiting).await > 0).then_some(())
    })
    .await;
    relay.crash().await;
    editing.rollback().await.unwrap();
    assert_eq!(service.status().await.pending, 10);

    let successor = service.relay(&world).await;
    service.until_empty().await;
    successor.stop().await;
    let messages = world.read("t.crm").await;
    assert_eq!(messages.len(), 20, "each one came twice, under its own id");
    assert_in_order(&messages, &["ada"], 10);
    world.end().await;
}

fn all(subjects: &[String], numbers: std::ops::Range<usize>) -> Vec<fanfare_events::Event> {
    numbers.flat_map(|number| subjects.iter().map(move |subject| event(subject, number))).collect()
}
