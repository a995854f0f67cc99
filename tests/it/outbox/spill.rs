//! A producer with a spill: where events go while the broker is away.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fanfare_events::Event;
use fanfare_producer::outbox::SqliteOutbox;
use fanfare_producer::spill::{OpenError, Spill, SpillError, SpillingProducer, Stored};
use fanfare_producer::{Producer, ProducerConfig};
use fanfare_tests::{World, eventually, free_port, within};
use futures_util::future::join_all;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::Instant;

use super::stage::{assert_in_order, declare_refusing, event, events, first_copies, ids};

/// So long that no busy machine takes a broker that answers for one that does not.
const PATIENT: Duration = Duration::from_secs(10);

fn spill(folder: &Path) -> Spill {
    Spill::new(folder.join("spill.db")).confirm_within(PATIENT)
}

/// A producer whose broker does not exist, and that does not wait for it.
async fn alone(spill: Spill) -> SpillingProducer {
    let url = format!("amqp://127.0.0.1:{}/%2f", free_port());
    let producer = Producer::start(ProducerConfig::new(&url).unwrap());
    spill.confirm_within(Duration::from_millis(200)).open(producer).await.unwrap()
}

async fn until_empty(producer: &SpillingProducer) {
    eventually("the spill to be empty", async || (producer.status().rows == 0).then_some(())).await;
}

fn is_on_disk(answer: &Result<Stored, SpillError>) -> bool {
    matches!(answer, Ok(Stored::Spill(_)))
}

#[tokio::test]
async fn while_the_broker_answers_nothing_goes_to_the_disk() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let folder = TempDir::new().unwrap();
    let producer = spill(folder.path()).open(world.producer().await).await.unwrap();
    let published = events("ada", 0..100);
    let answers = join_all(published.iter().map(|event| producer.publish(event))).await;
    for (answer, event) in answers.into_iter().zip(&published) {
        match answer.unwrap() {
            Stored::Broker(receipt) => {
                assert_eq!((&receipt.id, receipt.routed), (event.id(), true))
            }
            Stored::Spill(id) => panic!("{id} is on the disk"),
        }
    }
    producer.close().await;
    let messages = world.read("t.crm").await;
    assert_eq!(messages.iter().map(|m| m.id().to_owned()).collect::<Vec<_>>(), ids(&published));
    world.end().await;
}

/// Started by the story below as a process of its own, in a folder of its own.
#[tokio::test]
#[ignore = "the process that a story kills"]
async fn a_process_without_a_broker() {
    let producer = alone(spill(Path::new("."))).await;
    for number in 0.. {
        let began = Instant::now();
        let answer = producer.publish(&event("ada", number)).await;
        assert!(is_on_disk(&answer), "{answer:?}");
        println!("\nstored {number} {}", began.elapsed().as_micros());
    }
}

#[tokio::test]
async fn what_a_killed_process_had_on_its_disk_is_published_at_the_next_start() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let folder = TempDir::new().unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outbox::spill::a_process_without_a_broker", "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut took = Vec::new();
    while took.len() < 200 {
        let line = within("an event to be stored", lines.next_line()).await.unwrap();
        let line = line.expect("the process goes on");
        if let Some(rest) = line.strip_prefix("stored ") {
            let (number, micros) = rest.split_once(' ').unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), took.len());
            took.push(Duration::from_micros(micros.parse().unwrap()));
        }
    }
    process.kill().await.unwrap();
    took.sort();
    println!("publish without a broker: median {:?}, slowest {:?}", took[100], took[199]);
    assert!(took[100] < Duration::from_millis(200), "half of them took {:?} or longer", took[100]);

    let producer = spill(folder.path()).open(world.producer().await).await.unwrap();
    let found = usize::try_from(producer.status().rows).unwrap();
    until_empty(&producer).await;
    // What came to the disk without an answer any more is published, too.
    let last = event("eve", 0);
    assert!(matches!(producer.publish(&last).await, Ok(Stored::Broker(_))));
    producer.close().await;
    let came = first_copies(&world.read("t.crm").await);
    assert!(came.len() > 200, "{} events, {found} on the disk", came.len());
    let mut expected = ids(&events("ada", 0..came.len() - 1));
    expected.push(last.id().to_string());
    assert_eq!(came, expected);
    world.end().await;
}

#[tokio::test]
async fn a_full_spill_refuses_until_there_is_room() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let folder = TempDir::new().unwrap();
    let producer = alone(spill(folder.path()).rows(5)).await;
    let answers = join_all(events("ada", 0..7).iter().map(|e| producer.publish(e))).await;
    assert!(answers[..5].iter().all(is_on_disk), "{answers:?}");
    for refused in &answers[5..] {
        let refused = refused.as_ref().unwrap_err();
        assert!(matches!(refused, SpillError::Full { rows: 5, .. }), "{refused:?}");
        assert!(refused.is_transient());
    }
    let bytes = producer.status().bytes;
    assert!(bytes >= 5 * 100, "five events have {bytes} bytes");
    producer.close().await;

    // The same by bytes, found full at the start.
    let producer = alone(spill(folder.path()).bytes(bytes)).await;
    assert_eq!((producer.status().rows, producer.status().bytes), (5, bytes));
    let refused = producer.publish(&event("ada", 5)).await;
    assert!(matches!(refused, Err(SpillError::Full { .. })), "{refused:?}");
    producer.close().await;

    let spill = spill(folder.path()).rows(5).wait_for_room(PATIENT);
    let producer = spill.open(world.producer().await).await.unwrap();
    let answers = join_all(events("ada", 5..50).iter().map(|e| producer.publish(e))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    until_empty(&producer).await;
    producer.close().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], 50);
    world.end().await;
}

#[tokio::test]
async fn who_waits_for_room_is_refused_in_the_end() {
    let folder = TempDir::new().unwrap();
    let waits = Duration::from_millis(300);
    let producer = alone(spill(folder.path()).rows(1).wait_for_room(waits)).await;
    assert!(is_on_disk(&producer.publish(&event("ada", 0)).await));
    let began = Instant::now();
    let refused = producer.publish(&event("ada", 1)).await;
    assert!(matches!(refused, Err(SpillError::Full { rows: 1, .. })), "{refused:?}");
    assert!(began.elapsed() >= waits, "{:?}", began.elapsed());
    producer.close().await;
}

#[tokio::test]
async fn a_spill_belongs_to_one_producer() {
    let folder = TempDir::new().unwrap();
    let producer = alone(spill(folder.path())).await;
    let config = ProducerConfig::new("amqp://127.0.0.1:1/%2f").unwrap();
    let second = spill(folder.path()).open(Producer::start(config)).await;
    match second.unwrap_err() {
        OpenError::InUse { path } => assert_eq!(path, folder.path().join("spill.db")),
        other => panic!("{other:?}"),
    }
    producer.close().await;
    alone(spill(folder.path())).await.close().await;
}

#[tokio::test]
async fn under_an_alarm_events_go_to_the_disk_and_then_in_their_order() {
    let world = World::with_own_node().await;
    world.declare(&["crm"]).await;
    let folder = TempDir::new().unwrap();
    let spill = spill(folder.path()).confirm_within(Duration::from_secs(1));
    let producer = spill.open(world.producer().await).await.unwrap();
    world.node().memory_alarm(true).await.unwrap();
    let mut published = 0;
    // The first ones may still get through.
    eventually("an event to go to the disk", async || {
        let answer = producer.publish(&event("ada", published)).await;
        published += 1;
        is_on_disk(&answer).then_some(())
    })
    .await;
    let answers = join_all(
        events("ada", published..published + 200).iter().map(|event| producer.publish(event)),
    )
    .await;
    published += 200;
    assert!(answers.iter().all(is_on_disk), "{answers:?}");
    assert!(producer.status().rows >= 200);

    world.node().memory_alarm(false).await.unwrap();
    until_empty(&producer).await;
    eventually("an event to go to the broker", async || {
        let answer = producer.publish(&event("ada", published)).await;
        published += 1;
        (!is_on_disk(&answer)).then(|| drop(answer.unwrap()))
    })
    .await;
    producer.close().await;
    assert_in_order(&world.read("t.crm").await, &["ada"], published);
    world.end().await;
}

#[tokio::test]
async fn the_order_stays_while_events_change_their_way_again_and_again() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let folder = TempDir::new().unwrap();
    let proxy = world.proxy().await;
    let config = ProducerConfig::with_broker(world.config_through(proxy.address()), "t").unwrap();
    let producer = Producer::start(config.without_declaring());
    let producer = spill(folder.path()).open(producer).await.unwrap();
    let (mut direct, mut on_disk) = (0, 0);
    for round in 0..8 {
        let published = events("ada", round * 200..(round + 1) * 200);
        let answers = join_all(published.iter().map(|event| producer.publish(event)));
        let cut = async {
            if round % 2 == 1 {
                proxy.reset_connections();
            }
        };
        let (answers, ()) = tokio::join!(answers, cut);
        for answer in answers {
            match answer.unwrap() {
                Stored::Broker(_) => direct += 1,
                Stored::Spill(_) => on_disk += 1,
            }
        }
        if round % 4 == 3 {
            until_empty(&producer).await;
        }
    }
    until_empty(&producer).await;
    producer.close().await;
    assert!(direct > 0 && on_disk > 0, "{direct} direct, {on_disk} on the disk");
    assert_in_order(&world.read("t.crm").await, &["ada"], 1600);
    world.end().await;
}

#[tokio::test]
async fn what_the_broker_refuses_holds_its_own_subject_until_a_person_takes_it_away() {
    let world = World::start().await;
    declare_refusing(&world).await;
    let folder = TempDir::new().unwrap();
    let producer = alone(spill(folder.path())).await;
    let stuck = Event::builder("user.stuck", "/tests/outbox").subject("eve").build().unwrap();
    assert!(is_on_disk(&producer.publish(&stuck).await));
    producer.close().await;

    let config = ProducerConfig::with_broker(world.config().clone(), "t").unwrap();
    let producer = Producer::start(config.without_declaring());
    let spill = spill(folder.path()).confirm_within(Duration::from_secs(1));
    let producer = spill.open(producer).await.unwrap();
    let others = [events("eve", 0..2), events("ada", 0..20)].concat();
    let answers = join_all(others.iter().map(|event| producer.publish(event))).await;
    assert!(answers.iter().all(is_on_disk), "{answers:?}");
    world.until_ready("taken", 20).await;
    eventually("the stuck subject to be all that is left", async || {
        (producer.status().rows == 3).then_some(())
    })
    .await;

    let options = SqliteOutbox::connect_options(folder.path().join("spill.db"));
    let mut operator = SqliteConnection::connect_with(&options).await.unwrap();
    let taken_away = "DELETE FROM fanfare_outbox WHERE event_type = 'user.stuck'";
    sqlx::query(taken_away).execute(&mut operator).await.unwrap();
    operator.close().await.unwrap();
    let mut next = 20;
    eventually("an event to go to the broker", async || {
        let answer = producer.publish(&event("ada", next)).await;
        next += 1;
        (!is_on_disk(&answer)).then(|| drop(answer.unwrap()))
    })
    .await;
    producer.close().await;
    let came = first_copies(&world.read("taken").await);
    assert_eq!(came.iter().filter(|id| id.starts_with("eve-")).count(), 2);
    assert_eq!(came.iter().filter(|id| id.starts_with("ada-")).count(), next);
    world.end().await;
}

#[tokio::test]
async fn whoever_closes_the_producer_below_closes_the_spill() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let folder = TempDir::new().unwrap();
    let below = world.producer().await;
    let producer = spill(folder.path()).open(below.clone()).await.unwrap();
    producer.publish(&event("ada", 0)).await.unwrap();
    below.close().await;
    let refused = within("an answer", producer.publish(&event("ada", 1))).await;
    assert!(matches!(refused, Err(SpillError::Closed)), "{refused:?}");
    within("the spill to be closed", producer.close()).await;
    world.end().await;
}

#[tokio::test]
async fn whoever_waits_for_ever_waits_for_room_only() {
    let folder = TempDir::new().unwrap();
    let producer = alone(spill(folder.path()).rows(1).wait_for_room(Duration::MAX)).await;
    assert!(is_on_disk(&producer.publish(&event("ada", 0)).await));
    let (first, second) = (event("ada", 1), event("ada", 2));
    let waiting = async { tokio::join!(producer.publish(&first), producer.publish(&second)) };
    tokio::time::timeout(Duration::from_millis(500), waiting).await.unwrap_err();
    drop(producer);
}
