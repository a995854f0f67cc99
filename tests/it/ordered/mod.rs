//! Deliveries with the same key go one after the other, whatever happens.

mod batched;
mod blocked;
mod parked;
mod stage;

use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{PATIENCE, ProgramSettings, RunningProgram, World, eventually};
use tokio::time::Instant;

use stage::{BY_SUBJECT, DESTINATION, assert_in_order, changes, effects, program};

const PROGRAM: &str = "fanfare-consumer-webhook";

/// One call in ten is refused, and the others take from 5 to 10 ms.
fn flaky() -> Control {
    let refused = Rule::sometimes(0.1, 7, Fault::status(503));
    Control { latency_ms: 5, jitter_ms: 5, rules: vec![refused], ..Control::default() }
}

async fn until_accepted(api: &MockApi, count: usize) {
    api.wait_until("the effects", 5 * PATIENCE, |api| api.totals().accepted >= count as u64)
        .await
        .unwrap();
}

/// Looks now and then: there are many keys to look at.
async fn until_all_took_effect(api: &MockApi, count: usize) {
    until_accepted(api, count).await;
    eventually("every event's effect", async || (api.effects().keys.len() == count).then_some(()))
        .await;
}

/// The broker counts only the active one of an ordered queue's consumers.
async fn until_it_stands_by(consumer: &RunningProgram) {
    consumer.until_logged("Consuming").await;
}

/// Two replicas; the active one is killed again and again.
async fn kept_whatever_is_killed(subjects: usize, each: usize, kills: usize) {
    let world = World::start().await;
    world.declare_ordered(DESTINATION).await;
    let api = MockApi::sink().await.unwrap();
    api.control(flaky()).unwrap();
    let settings = program(&world, &api, DESTINATION).set(BY_SUBJECT.0, BY_SUBJECT.1);
    world.publish(&changes(subjects, each)).await;

    let began = Instant::now();
    let mut active = RunningProgram::start(PROGRAM, &settings);
    for kill in 1..=kills {
        let standby = RunningProgram::start(PROGRAM, &settings);
        until_it_stands_by(&standby).await;
        until_accepted(&api, kill * subjects * each / (kills + 1)).await;
        active.kill().await;
        active = standby;
    }
    until_all_took_effect(&api, subjects * each).await;
    let took = began.elapsed();
    world.until_drained(DESTINATION).await;
    let repeats = assert_in_order(&effects(&api), subjects, each);
    println!(
        "{subjects} keys x {each} events, {} refused, {kills} kills: in order, {repeats} repeats, \
         {:.0} events/s",
        api.faults_injected(),
        (subjects * each) as f64 / took.as_secs_f64()
    );
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    active.kill().await;
    world.end().await;
}

/// How long one consumer takes for all of it, from its start to its last effect.
async fn time_for(world: &World, api: &MockApi, settings: &ProgramSettings, count: usize) -> f64 {
    world.until_ready(world.names(DESTINATION).queue(), count as u64).await;
    let began = Instant::now();
    let consumer = RunningProgram::start(PROGRAM, settings);
    until_all_took_effect(api, count).await;
    let took = began.elapsed().as_secs_f64();
    consumer.kill().await;
    took
}

/// What order costs: the same events, calls and refusals, with and without it.
async fn measure(subjects: usize, each: usize) {
    let count = subjects * each;
    let mut rates = Vec::new();
    for is_ordered in [false, true] {
        let world = World::start().await;
        let api = MockApi::sink().await.unwrap();
        api.control(flaky()).unwrap();
        let mut settings = program(&world, &api, DESTINATION);
        if is_ordered {
            world.declare_ordered(DESTINATION).await;
            settings = settings.set(BY_SUBJECT.0, BY_SUBJECT.1);
        } else {
            world.declare(&[DESTINATION]).await;
        }
        world.publish(&changes(subjects, each)).await;
        rates.push(count as f64 / time_for(&world, &api, &settings, count).await);
        if is_ordered {
            assert_eq!(assert_in_order(&effects(&api), subjects, each), 0, "repeats");
        }
        world.end().await;
    }
    let [free, kept] = rates[..] else { panic!("two rates") };
    println!(
        "{subjects} keys x {each} events: {free:.0} events/s without order, {kept:.0} with, {:.2}",
        kept / free
    );
    assert!(kept > free / 10.0, "{kept:.0} events/s with order, {free:.0} without");
}

#[tokio::test]
async fn order_costs_a_part_of_the_throughput_and_no_more() {
    measure(200, 20).await;
}

#[tokio::test]
#[ignore = "takes a minute; the size that the documentation tells of"]
async fn order_among_a_thousand_keys_costs_less() {
    measure(1_000, 20).await;
}

#[tokio::test]
async fn every_key_keeps_its_order_while_its_consumers_are_killed() {
    kept_whatever_is_killed(200, 20, 3).await;
}

/// Each is called for as soon as it may be, so that an ack that was lost would show.
#[tokio::test]
async fn a_few_busy_keys_keep_their_order_while_their_consumers_are_killed() {
    kept_whatever_is_killed(20, 120, 8).await;
}

#[tokio::test]
#[ignore = "takes a minute; the size that the documentation tells of"]
async fn every_one_of_a_thousand_keys_keeps_its_order() {
    kept_whatever_is_killed(1_000, 20, 10).await;
}
