//! An outbox in PostgreSQL, with nothing in its way.

use std::time::Duration;

use fanfare_producer::outbox::{MigrateError, PostgresOutbox, RelayOptions};
use fanfare_tests::{World, eventually};
use sqlx::PgPool;
use tokio::time::Instant;

use super::postgres_stage::PgService;
use super::stage::{RunningRelay, assert_in_order, event, events, first_copies, ids};

#[tokio::test]
async fn what_commits_is_published_and_what_is_rolled_back_never_was() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let relay = service.relay(&world).await;

    let mut rolled_back = service.pool.begin().await.unwrap();
    service.outbox.enqueue(&mut rolled_back, &event("ghost", 0)).await.unwrap();
    rolled_back.rollback().await.unwrap();
    let committed = events("ada", 0..20);
    service.commit(&committed).await;

    service.until_empty().await;
    relay.stop().await;
    let travelled = world.read("t.crm").await;
    assert_eq!(first_copies(&travelled), ids(&committed));
    let bodies: Vec<_> = committed.iter().map(|event| event.to_json()).collect();
    assert!(travelled.iter().map(|message| message.body()).eq(bodies.iter().map(Vec::as_slice)));
    world.end().await;
}

#[tokio::test]
async fn who_writes_an_event_waits_for_whoever_has_written_one_with_its_subject() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let relay = service.relay(&world).await;

    let mut first = service.pool.begin().await.unwrap();
    service.outbox.enqueue(&mut first, &event("ada", 0)).await.unwrap();
    let second = async {
        service.commit(&[event("ada", 2)]).await;
    };
    let meanwhile = async {
        let waiting = "SELECT count(*) FROM pg_locks \
             WHERE locktype = 'advisory' AND NOT granted \
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        eventually("the second to wait for the first", async || {
            (service.count(waiting).await == 1).then_some(())
        })
        .await;
        // Those with other subjects do not wait.
        service.commit(&[event("bob", 0)]).await;
        relay.until_published(1).await;
        service.outbox.enqueue(&mut first, &event("ada", 1)).await.unwrap();
        first.commit().await.unwrap();
    };
    tokio::join!(second, meanwhile);

    service.until_empty().await;
    relay.stop().await;
    let expected = [event("bob", 0), event("ada", 0), event("ada", 1), event("ada", 2)];
    assert_eq!(first_copies(&world.read("t.crm").await), ids(&expected));
    world.end().await;
}

#[tokio::test]
async fn a_row_that_commits_late_is_not_missed_although_later_ones_were_published() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let relay = service.relay(&world).await;
    let mut late = service.pool.begin().await.unwrap();
    service.outbox.enqueue(&mut late, &event("late", 0)).await.unwrap();
    for number in 0..70 {
        // In every lane there is one, also in that of the late one.
        service.commit(&[event(&format!("early{number}"), 0)]).await;
    }
    relay.until_published(70).await;
    service.until_empty().await;
    late.commit().await.unwrap();
    relay.until_published(71).await;
    relay.stop().await;
    assert_eq!(first_copies(&world.read("t.crm").await).last().unwrap(), "late-00000");
    world.end().await;
}

#[tokio::test]
async fn a_row_is_published_as_soon_as_it_is_announced() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    let relay = service.outbox.relay(world.producer().await);
    // Nobody looks without a word.
    let relay = relay.options(RelayOptions::default().poll(Duration::from_secs(3600)));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    service.commit(&[event("warm-up", 0)]).await;
    relay.until_published(1).await;
    let mut took = Vec::new();
    for number in 0..40 {
        let event = event("ada", number);
        if number % 2 == 0 {
            service.commit(&[event]).await;
        } else {
            service.insert(&event).await;
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
    assert!(median < Duration::from_millis(500), "half of the rows took {median:?} or longer");
    relay.stop().await;
    world.end().await;
}

#[tokio::test]
async fn rows_that_nobody_announces_are_found_by_looking() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    service.run("ALTER TABLE fanfare_outbox DISABLE TRIGGER fanfare_outbox_announce").await;
    let relay = service.relay(&world).await;
    for number in 0..3 {
        service.commit(&[event("ada", number)]).await;
        relay.until_published(u64::try_from(number).unwrap() + 1).await;
    }
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 3);
    world.end().await;
}

#[tokio::test]
async fn rows_are_deleted_when_they_were_sent_long_enough_ago() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    service.run(&sent_long_ago(1800)).await;
    service.commit(&events("ada", 0..5)).await;
    let relay = service.outbox.relay(world.producer().await);
    let relay = relay.options(RelayOptions::default().retention(Duration::from_secs(600)));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    service.until_empty().await;
    eventually("the old rows to be deleted", async || {
        (service.count("SELECT count(*) FROM fanfare_outbox").await == 5).then_some(())
    })
    .await;
    // Told after the fact.
    eventually("them to be counted", async || (relay.counts.cleaned_up() == 1800).then_some(()))
        .await;
    relay.stop().await;
    world.end().await;
}

#[tokio::test]
async fn however_many_rows_were_sent_nobody_reads_through_them() {
    const OLD: i64 = 60_000;
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::start().await;
    service.run(&sent_long_ago(OLD)).await;
    service.run("ANALYZE fanfare_outbox").await;
    let read = "SELECT (sum(idx_tup_read) + max(seq_tup_read))::bigint \
         FROM pg_stat_user_tables JOIN pg_stat_user_indexes USING (relid) \
         WHERE pg_stat_user_tables.relname = 'fanfare_outbox'";
    let by_its_index = "SELECT idx_scan FROM pg_stat_user_indexes \
         WHERE indexrelname = 'fanfare_outbox_pending'";
    // Whatever was read by then is not the relay's.
    let before = eventually("the statistics of what was written", async || {
        let written = service.count(
            "SELECT n_tup_ins FROM pg_stat_user_tables \
             WHERE relname = 'fanfare_outbox'",
        );
        if written.await < OLD { None } else { Some(service.count(read).await) }
    })
    .await;
    let relay = service.outbox.relay(world.producer().await);
    let relay = relay.options(RelayOptions::default().retention(Duration::MAX));
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    for number in 0..100 {
        service.commit(&[event("ada", number)]).await;
    }
    service.until_empty().await;
    relay.stop().await;
    eventually("statistics of the relay", async || {
        (service.count(by_its_index).await > 100).then_some(())
    })
    .await;
    let rows = service.count(read).await - before;
    assert!(rows < OLD / 2, "{rows} rows were read to publish 100");
    world.end().await;
}

#[tokio::test]
async fn the_outbox_tells_how_much_waits_and_for_how_long() {
    let service = PgService::start().await;
    assert_eq!(service.status().await, Default::default());
    service.commit(&events("ada", 0..7)).await;
    service.commit(&events("bob", 0..1)).await;
    service
        .run(
            "UPDATE fanfare_outbox SET created_at = created_at - interval '1 minute' WHERE id = 1; \
             UPDATE fanfare_outbox SET refused_at = now() WHERE id = 3",
        )
        .await;
    let status = service.status().await;
    assert_eq!((status.pending, status.refused), (7, 1));
    let oldest = status.oldest.unwrap().as_secs();
    assert!((60..180).contains(&oldest), "{oldest} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_may_set_up_the_outbox_at_the_same_time() {
    let service = PgService::without_tables().await;
    let starting = (0..8).map(|_| {
        let url = service.url.clone();
        tokio::spawn(async move {
            let pool = PgPool::connect(&url).await.unwrap();
            PostgresOutbox::new(pool).migrate().await.unwrap();
        })
    });
    for started in futures_util::future::join_all(starting).await {
        started.unwrap();
    }
    service.commit(&events("ada", 0..1)).await;
    service.run("INSERT INTO fanfare_outbox_version VALUES (99)").await;
    let refused = service.outbox.migrate().await.unwrap_err();
    assert!(matches!(refused, MigrateError::Newer { found: 99, known: 1 }));
}

#[tokio::test]
async fn the_outbox_is_in_the_schema_of_its_service_and_written_from_anywhere() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::without_tables().await;
    service.run("CREATE SCHEMA \"Sign-up\"").await;
    let pool = sqlx::postgres::PgPoolOptions::new()
        .after_connect(|connection, _| {
            Box::pin(async move {
                let path = "SET search_path = \"Sign-up\"";
                sqlx::raw_sql(path).execute(connection).await.map(drop)
            })
        })
        .connect(&service.url)
        .await
        .unwrap();
    let outbox = PostgresOutbox::new(pool);
    outbox.migrate().await.unwrap();
    let relay = outbox.relay(world.producer().await);
    let relay = RunningRelay::start(relay.counts(), |shutdown| relay.run(shutdown));
    let event = event("ada", 0);
    // By a user who may do nothing else.
    service
        .run(
            "CREATE ROLE writer; GRANT USAGE ON SCHEMA \"Sign-up\" TO writer; \
             GRANT INSERT ON \"Sign-up\".fanfare_outbox TO writer; \
             GRANT USAGE ON SEQUENCE \"Sign-up\".fanfare_outbox_id TO writer",
        )
        .await;
    let mut transaction = service.pool.begin().await.unwrap();
    sqlx::query("SET LOCAL ROLE writer").execute(&mut *transaction).await.unwrap();
    sqlx::query(
        "INSERT INTO \"Sign-up\".fanfare_outbox (event_id, event_type, ordering_key, body) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(event.id().as_str())
    .bind(event.event_type())
    .bind(event.subject())
    .bind(event.to_json())
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
    relay.until_published(1).await;
    relay.stop().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 1);
    world.end().await;
}

fn sent_long_ago(rows: i64) -> String {
    format!(
        "INSERT INTO fanfare_outbox (event_id, event_type, body, sent_at) \
         SELECT 'old-' || i, 'user.updated', '\\x00', '2020-01-01' \
         FROM generate_series(1, {rows}) AS i"
    )
}
