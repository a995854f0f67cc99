//! 200,000 events through an outbox, while the service, its broker and its database are killed
//! again and again.

mod service;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fanfare_events::IdempotencyKey;
use fanfare_sandbox::mock::MockApi;
use fanfare_sandbox::postgres::PostgresNode;
use fanfare_tests::{ProgramSettings, RunningProgram, World, within};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use super::stage::{assert_in_order, events};
use service::{Database, EACH, Order, Postgres, SUBJECTS, Sqlite, serve, subject};

const EVENTS: usize = SUBJECTS * EACH;
const KILLS: usize = 50;
/// With every fifth kill of the service the broker is killed, too.
const SERVICES_PER_BROKER: usize = 5;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// With every kill, and with all that the machine does besides.
const LONGEST: Duration = Duration::from_secs(20 * 60);

/// Started by the story below as a process of its own, in a folder of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that a story kills"]
async fn a_service_on_sqlite() {
    serve::<Sqlite>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes many minutes: 200,000 events, and sixty kills"]
async fn two_hundred_thousand_events_on_sqlite_survive_fifty_kills_and_their_broker_ten() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("service.db").display().to_string();
    // It is a part of the service, and is killed with it.
    story::<Sqlite>("a_service_on_sqlite", &folder, &place, async || {}).await;
}

/// The same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that a story kills"]
async fn a_service_on_postgres() {
    serve::<Postgres>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes many minutes: 200,000 events, and sixty-one kills"]
async fn two_hundred_thousand_events_on_postgres_survive_fifty_kills_and_their_broker_ten() {
    let folder = TempDir::new().unwrap();
    let mut node = PostgresNode::private().await.unwrap();
    let place = node.url().to_owned();
    let kill = async || {
        node.kill().unwrap();
        node.start().await.unwrap();
    };
    story::<Postgres>("a_service_on_postgres", &folder, &place, kill).await;
}

/// A process that writes and relays, killed when it is dropped.
fn start(name: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("outbox::large::{name}"), "--ignored"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn consumer(world: &World, api: &MockApi) -> RunningProgram {
    let settings = ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_DESTINATION", "crm")
        .set("FANFARE_LOG", "warn")
        .set("WEBHOOK_URL", api.base_url())
        .set("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .set("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8");
    RunningProgram::start("fanfare-consumer-webhook", &settings)
}

/// Kills the service fifty times, as evenly over its work as its work goes, and calls `kill` of
/// the database in the middle of it.
async fn story<D: Database>(
    service: &str,
    folder: &TempDir,
    place: &str,
    mut kill_database: impl AsyncFnMut(),
) {
    let began = Instant::now();
    let mut world = World::with_own_node().await;
    world.declare(&["crm", "audit"]).await;
    let api = MockApi::sink().await.unwrap();
    let consumer = consumer(&world, &api);
    let order = Order {
        broker: world.url().to_owned(),
        namespace: world.namespace().as_str().to_owned(),
        database: place.to_owned(),
    };
    order.write_to(folder.path());
    let database = D::open(place).await.unwrap();
    database.migrate().await;

    let mut process = start(service, folder.path());
    for kill in 1..=KILLS {
        until_rows(&database, kill * EVENTS / (KILLS + 1), began).await;
        sleep(Duration::from_millis(fastrand::u64(0..300))).await;
        if kill == KILLS / 2 {
            kill_database().await;
        }
        if kill.is_multiple_of(SERVICES_PER_BROKER) {
            world.own_node().kill().await.unwrap();
        }
        process.kill().await.unwrap();
        process = start(service, folder.path());
        if kill.is_multiple_of(SERVICES_PER_BROKER) {
            world.own_node().start().await.unwrap();
        }
    }
    until_rows(&database, EVENTS, began).await;
    println!("all are committed after {:.0} s", began.elapsed().as_secs_f64());
    within_the_story(began, async || matches!(database.counted().await, Ok((_, 0)))).await;
    println!("all are marked after {:.0} s", began.elapsed().as_secs_f64());
    process.kill().await.unwrap();
    assert_eq!(database.counted().await.unwrap(), (EVENTS as i64, 0), "no ghost has a row");

    within_the_story(began, async || api.effects().keys.len() >= EVENTS).await;
    world.until_drained("crm").await;
    println!("all are delivered after {:.0} s", began.elapsed().as_secs_f64());
    let subjects: Vec<_> = (0..SUBJECTS).map(subject).collect();
    let (keys, crm) = (api.effects().keys, "crm".parse().unwrap());
    for event in subjects.iter().flat_map(|subject| events(subject, 0..EACH)) {
        let key = IdempotencyKey::of(&event, &crm).to_string();
        assert!(keys.contains_key(&key), "{} was not delivered", event.id());
    }
    assert_eq!(keys.len(), EVENTS, "nothing is delivered that was rolled back");
    assert_eq!(world.ready(&world.names("crm").dead()).await, 0);

    let messages = world.read("t.audit").await;
    println!("{} copies of {EVENTS} events", messages.len());
    let subjects: Vec<_> = subjects.iter().map(String::as_str).collect();
    assert_in_order(&messages, &subjects, EACH);
    drop(messages);
    within("the consumer to end", consumer.kill()).await;
    world.end().await;
}

async fn until_rows<D: Database>(database: &D, rows: usize, began: Instant) {
    within_the_story(began, async || {
        database.counted().await.is_ok_and(|(all, _)| all >= rows as i64)
    })
    .await;
}

async fn within_the_story(began: Instant, is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        assert!(began.elapsed() < LONGEST, "the story does not come to its end");
        sleep(LOOK_EVERY).await;
    }
}
