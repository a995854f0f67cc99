//! An outbox in SQLite, with nothing in its way.

use std::time::Duration;

use fanfare_producer::outbox::RelayOptions;
use fanfare_tests::{World, eventually};
use tokio::time::Instant;

use super::stage::{RunningRelay, Service, assert_in_order, event, events, first_copies, ids};

#[tokio::test]
async fn what_commits_is_published_and_what_is_rolled_back_never_was() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let relay = service.relay(&world).await;

    let mut rolled_back = service.pool.begin().await.unwrap();
    service.outbox.enqueue(&mut rolled_back, &event("ghost", 0)).await.unwrap();
    rolled_back.rollback().await.unwrap();
    let committed = events("ada", 0..20);
    service.commit(&committed).await;

    service.until_empty().await;
    relay.stop().await;
    assert_eq!(first_copies(&world.read("t.crm").await), ids(&committed));
    let bodies: Vec<_> = committed.iter().map(|event| event.to_json()).collect();
    let travelled = world.read("t.crm").await;
    assert!(travelled.iter().map(|message| message.body()).eq(bodies.iter().map(Vec::as_slice)));
    world.end().await;
}

#[tokio::test]
async fn events_of_many_services_threads_keep_the_order_of_their_commits() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let relay = service.relay(&world).await;
    let subjects = ["ada", "bob", "eve", "joe"];
    let writers = subjects.map(async |subject| {
        for event in events(subject, 0..150) {
            service.commit(&[event]).await;
        }
    });
    futures_util::future::join_all(writers).await;
    service.until_empty().await;
    relay.stop().await;
    let messages = world.read("t.crm").await;
    assert_eq!(messages.len(), 600, "nothing was published twice");
    assert_in_order(&messages, &subjects, 150);
    world.end().await;
}

#[tokio::test]
async fn a_row_is_picked_up_within_fifty_milliseconds() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let relay = service.relay(&world).await;
    service.commit(&[event("warm-up", 0)]).await;
    relay.until_published(1).await;
    let mut took = Vec::new();
    for number in 0..40 {
        // Half of them are written as a foreign program would, without a word to the relay.
        let event = event("ada", number);
        if number % 2 == 0 {
            service.commit(&[event]).await;
        } else {
            sqlx::query(
                "INSERT INTO fanfare_outbox (event_id, event_type, ordering_key, body) \
                 VALUES (?, ?, ?, ?)",
            )
            .bind(event.id().to_string())
            .bind(event.event_type().to_owned())
            .bind(event.subject().map(str::to_owned))
            .bind(String::from_utf8(event.to_json()).unwrap())
            .execute(&service.pool)
            .await
            .unwrap();
        }
        let committed = Instant::now();
        let expected = u64::try_from(number).unwrap() + 2;
        while relay.counts.published() < expected {
            assert!(committed.elapsed() < Duration::from_secs(20), "row {number} is not published");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        took.push(committed.elapsed());
    }
    took.sort();
    let (median, slowest) = (took[took.len() / 2], took[took.len() - 1]);
    println!("from commit to confirm: median {median:?}, slowest {slowest:?}");
    // On a busy machine any single one may take long.
    assert!(median < Duration::from_millis(200), "half of the rows took {median:?} or longer");
    relay.stop().await;
    world.end().await;
}

#[tokio::test]
async fn rows_are_deleted_when_they_were_sent_long_enough_ago() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let sent_long_ago = "INSERT INTO fanfare_outbox \
         (event_id, event_type, body, sent_at) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1800) \
         SELECT 'old-' || i, 'user.updated', x'00', 1 FROM n";
    sqlx::query(sent_long_ago).execute(&service.pool).await.unwrap();
    service.commit(&events("ada", 0..5)).await;

    let relay = service.outbox.relay(world.producer().await);
    let relay = relay.options(RelayOptions::default().retention(Duration::from_secs(600)));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    service.until_empty().await;
    eventually("the old rows to be deleted", async || {
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM fanfare_outbox")
            .fetch_one(&service.pool)
            .await
            .unwrap();
        (rows == 5).then_some(())
    })
    .await;
    assert_eq!(relay.counts.cleaned_up(), 1800);
    relay.stop().await;
    world.end().await;
}

#[tokio::test]
async fn the_outbox_tells_how_much_waits_and_for_how_long() {
    let service = Service::start().await;
    assert_eq!(service.status().await, Default::default());
    service.commit(&events("ada", 0..7)).await;
    sqlx::query("UPDATE fanfare_outbox SET created_at = created_at - 60000 WHERE id = 1")
        .execute(&service.pool)
        .await
        .unwrap();
    let status = service.status().await;
    assert_eq!((status.pending, status.refused), (7, 0));
    let oldest = status.oldest.unwrap().as_secs();
    assert!((60..120).contains(&oldest), "{oldest} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_set_up_the_outbox_at_the_same_time() {
    let service = Service::without_tables().await;
    let options = service.pool.connect_options();
    let starting = (0..8).map(|_| {
        let options = (*options).clone();
        tokio::spawn(async move {
            let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
            fanfare_producer::outbox::SqliteOutbox::new(pool).migrate().await.unwrap();
        })
    });
    for started in futures_util::future::join_all(starting).await {
        started.unwrap();
    }
    service.outbox.migrate().await.unwrap();
    service.commit(&events("ada", 0..1)).await;
}
