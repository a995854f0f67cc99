//! Many contacts in one call to HubSpot: what a bad one costs the others, and what it is worth.

use std::time::Instant;

use fanfare_events::{Event, IdempotencyKey, UserRegistered};
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{PATIENCE, RunningConsumer, World, hubspot, registered_many};

/// Those of a hundred whose address is none.
const BAD: [usize; 3] = [12, 55, 99];

fn start(world: &World, mock: &MockApi, variables: &[(&str, &str)]) -> RunningConsumer {
    RunningConsumer::with(world, "hubspot", hubspot(mock, variables), &[])
}

fn key(event: &Event) -> String {
    IdempotencyKey::of(event, &"hubspot".parse().unwrap()).to_string()
}

fn address(number: usize) -> String {
    match BAD.contains(&number) {
        true => format!("user{number} at example.org"),
        false => format!("user{number}@example.org"),
    }
}

/// Registrations of a hundred, three of whom have no valid address.
fn a_hundred() -> Vec<Event> {
    let registration = |number| {
        let user = UserRegistered {
            user_id: format!("user-{number}"),
            email: address(number),
            registered_at: time::OffsetDateTime::UNIX_EPOCH,
            first_name: None,
            last_name: None,
            locale: None,
        };
        Event::of("/tests/signup", &user).unwrap()
    };
    (0..100).map(registration).collect()
}

/// Delivers a hundred contacts, three of them bad, and looks who fell. Returns the calls.
async fn three_bad_ones_fall_alone(mock: &MockApi) -> u64 {
    let world = World::start().await;
    world.declare(&["hubspot"]).await;
    let (producer, events) = (world.producer().await, a_hundred());
    for event in &events {
        producer.publish(event).await.unwrap();
    }
    // All are there already; the wait is for a slow machine.
    let consumer = start(&world, mock, &[("HUBSPOT_BATCH_WAIT", "5s")]);
    world.until_ready(&world.names("hubspot").dead(), BAD.len() as u64).await;
    mock.wait_until("97 contacts", PATIENCE, |mock| mock.totals().effects == 97).await.unwrap();
    consumer.stop().await;
    producer.close().await;

    let letters = world.read(&world.names("hubspot").dead()).await;
    for (number, event) in events.iter().enumerate() {
        let tally = mock.tally(&key(event));
        let letter = letters.iter().find(|letter| letter.id() == event.id().to_string());
        if !BAD.contains(&number) {
            assert_eq!((tally.effects, letter.is_some()), (1, false), "{number}");
            continue;
        }
        let reason = letter.and_then(|letter| letter.reason()).unwrap();
        assert_eq!(tally.accepted, 0, "{number}");
        assert!(reason.contains("INVALID_EMAIL"), "{number}: {reason}");
        assert!(reason.contains(&address(number)), "{number}: {reason}");
    }
    world.end().await;
    mock.totals().requests
}

#[tokio::test]
async fn three_bad_contacts_of_a_hundred_cost_the_others_nothing() {
    let mock = MockApi::hubspot().await.unwrap();
    assert_eq!(three_bad_ones_fall_alone(&mock).await, 1);
    assert_eq!(mock.log()[0].status, Some(207));
}

#[tokio::test]
async fn bad_contacts_are_found_by_halving_where_the_answer_does_not_name_them() {
    let mock = MockApi::hubspot().await.unwrap();
    mock.control(Control { whole_batches: true, ..Control::default() }).unwrap();
    let calls = three_bad_ones_fall_alone(&mock).await;
    println!("100 contacts, 3 of them bad, refused as a whole: {calls} calls");
    // Two a level for each of the three, and the first.
    assert!((1..=1 + 2 * 3 * 7).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn a_contact_that_fails_every_call_takes_others_with_it_once() {
    let mock = MockApi::hubspot().await.unwrap();
    let fails = Rule::body_contains("user-7@", Fault::status(500));
    mock.control(Control::rules([fails])).unwrap();
    let world = World::start().await;
    world.declare(&["hubspot"]).await;
    let producer = world.producer().await;
    producer.publish_all(registered_many(60)).await;
    let destination = hubspot(&mock, &[("HUBSPOT_BATCH_WAIT", "5s"), ("HUBSPOT_BATCH_SIZE", "60")]);
    let few = [("FANFARE_RETRY_ATTEMPTS", "3"), ("FANFARE_RETRY_CAP", "2s")];
    let consumer = RunningConsumer::with(&world, "hubspot", destination, &few);
    world.until_ready(&world.names("hubspot").dead(), 1).await;
    mock.wait_until("59 contacts", PATIENCE, |mock| mock.totals().effects == 59).await.unwrap();
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    // One for all, one for each of the others, and two more for the one that fails.
    assert_eq!(mock.totals().requests, 1 + 59 + 2);
}

/// Delivers so many contacts, each call taking 20 ms, and says how many a second.
async fn contacts_a_second(count: usize, batch_size: &str) -> f64 {
    let world = World::start().await;
    world.declare(&["hubspot"]).await;
    let producer = world.producer().await;
    producer.publish_all(registered_many(count)).await;
    let mock = MockApi::hubspot().await.unwrap();
    mock.control(Control::latency(20, 0)).unwrap();
    let started = Instant::now();
    let consumer = start(&world, &mock, &[("HUBSPOT_BATCH_SIZE", batch_size)]);
    let all = count as u64;
    mock.wait_until("all contacts", PATIENCE, |mock| mock.totals().effects == all).await.unwrap();
    let taken = started.elapsed();
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    println!(
        "{count} contacts, {batch_size} in a call: {} calls, {taken:?}",
        mock.totals().requests
    );
    count as f64 / taken.as_secs_f64()
}

#[tokio::test]
async fn contacts_that_share_calls_are_delivered_faster() {
    let singly = contacts_a_second(3_000, "1").await;
    let together = contacts_a_second(3_000, "100").await;
    println!("{singly:.0} contacts a second singly, {together:.0} by the hundred");
    assert!(together > singly, "{together:.0} a second together, {singly:.0} singly");
}
