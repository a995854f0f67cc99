//! The relay as a program, for services in other languages.

use fanfare_events::Event;
use fanfare_sandbox::postgres;
use fanfare_tests::{
    ProgramSettings, RunningProgram, World, eventually, free_port, metric, run_to_end,
};
use nix::sys::signal::Signal;

use super::postgres_stage::PgService;
use super::stage::{Service, assert_in_order, event, events, first_copies, ids};

const PROGRAM: &str = "fanfare-relay";

/// As docs/OUTBOX.md has it, for services that do not know our library.
const INSERT: &str = "INSERT INTO fanfare_outbox (event_id, event_type, ordering_key, body) \
     VALUES (?, ?, ?, ?)";

fn settings(world: &World, service: &Service) -> ProgramSettings {
    let file = service.folder.path().join("service.db");
    settings_with(world, &format!("sqlite://{}", file.display()))
}

fn settings_with(world: &World, outbox: &str) -> ProgramSettings {
    ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_OUTBOX_URL", outbox)
        .set("FANFARE_LOG", "info")
}

async fn insert(service: &Service, event: &Event) {
    sqlx::query(INSERT)
        .bind(event.id().as_str())
        .bind(event.event_type())
        .bind(event.subject())
        .bind(event.to_json())
        .execute(&service.pool)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_another_language_writes_into_the_table_is_published() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::without_tables().await;
    let relay = RunningProgram::start(PROGRAM, &settings(&world, &service));
    // It creates the tables, too.
    relay.until_logged("Relaying").await;

    let written = events("ada", 0..3);
    for event in &written {
        insert(&service, event).await;
    }
    service.until_empty().await;
    relay.signal(Signal::SIGTERM);
    let (status, log) = relay.ended().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    let messages = world.read("t.crm").await;
    assert_eq!(first_copies(&messages), ids(&written));
    assert_eq!(messages[0].body().as_ref(), written[0].to_json());
    world.end().await;
}

#[tokio::test]
async fn two_programs_share_a_postgresql_and_tell_nobody_its_password() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = PgService::without_tables().await;
    let settings = settings_with(&world, &service.url);
    let relays = [(); 2].map(|()| RunningProgram::start(PROGRAM, &settings));
    for relay in &relays {
        relay.until_logged("Relaying").await;
    }
    let written = events("ada", 0..3);
    for event in &written {
        service.insert(event).await;
    }
    service.until_empty().await;
    let password = postgres::shared().await.unwrap().password();
    for relay in relays {
        relay.signal(Signal::SIGTERM);
        let (status, log) = relay.ended().await;
        assert_eq!(status.code(), Some(0), "{log:#?}");
        assert!(!log.iter().any(|line| line.contains(password)), "{log:#?}");
    }
    assert_eq!(first_copies(&world.read("t.crm").await), ids(&written));
    world.end().await;
}

#[tokio::test]
async fn a_relay_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order() {
    const KILLS: usize = 5;
    const EACH: usize = 400;
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let service = Service::start().await;
    let settings = settings(&world, &service);
    let writing = async {
        for number in 0..EACH {
            service.commit(&[event("ada", number), event("bob", number)]).await;
        }
    };
    let killing = async {
        for kill in 1..=KILLS {
            let relay = RunningProgram::start(PROGRAM, &settings);
            let some = (kill * 2 * EACH / (KILLS + 1)) as u64;
            eventually("some to be published", async || {
                (world.ready("t.crm").await >= some).then_some(())
            })
            .await;
            relay.kill().await;
        }
        RunningProgram::start(PROGRAM, &settings)
    };
    let ((), last) = tokio::join!(writing, killing);
    service.until_empty().await;
    last.kill().await;
    assert_in_order(&world.read("t.crm").await, &["ada", "bob"], EACH);
    world.end().await;
}

#[tokio::test]
async fn what_waits_for_a_broker_is_counted_and_its_age_is_told() {
    let mut world = World::with_own_node().await;
    world.declare(&["crm"]).await;
    world.own_node().kill().await.unwrap();
    let service = Service::start().await;
    service.commit(&events("ada", 0..7)).await;
    let admin = format!("127.0.0.1:{}", free_port());
    // The exchange stands: nothing has to be declared before the table is looked at.
    let settings = settings(&world, &service)
        .set("FANFARE_ADMIN_ADDR", &admin)
        .set("FANFARE_TOPOLOGY", "verify");
    let relay = RunningProgram::start(PROGRAM, &settings);
    eventually("seven rows to be counted, for more than a second", async || {
        let pending = metric(&admin, "fanfare_outbox_pending").await?;
        let oldest = metric(&admin, "fanfare_outbox_oldest_seconds").await?;
        (pending == 7.0 && oldest > 1.0).then_some(())
    })
    .await;
    world.own_node().start().await.unwrap();
    eventually("nothing to wait any more", async || {
        let published = metric(&admin, "fanfare_events_published_total{result=\"routed\"}").await?;
        let pending = metric(&admin, "fanfare_outbox_pending").await?;
        (published == 7.0 && pending == 0.0).then_some(())
    })
    .await;
    relay.signal(Signal::SIGTERM);
    assert_eq!(relay.ended().await.0.code(), Some(0));
    world.end().await;
}

#[tokio::test]
async fn a_check_tells_whether_everything_is_there() {
    let world = World::start().await;
    let service = Service::without_tables().await;
    let there = settings(&world, &service).argument("--check");
    let (status, _, log) = run_to_end(PROGRAM, &there).await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("the outbox will be created"), "{log}");

    let (status, _, log) =
        run_to_end(PROGRAM, &there.clone().set("FANFARE_OUTBOX_TABLE", "verify")).await;
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("no such table: fanfare_outbox"), "{log}");

    let nowhere = there.clone().set("FANFARE_OUTBOX_URL", "sqlite:///nowhere/at.db");
    let (status, _, log) = run_to_end(PROGRAM, &nowhere).await;
    assert_eq!(status.code(), Some(3), "{log}");

    let misspelt = there.set("FANFARE_OUTBOX_URL", "mysql://db.example/app");
    let (status, _, log) = run_to_end(PROGRAM, &misspelt).await;
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("FANFARE_OUTBOX_URL"), "{log}");
    world.end().await;
}
