//! What waits: a key for its retry, and everything for whoever is active next.

use fanfare_broker::Cause;
use fanfare_broker::topology::{DestinationPlan, Topology, declare};
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{
    PATIENCE, ProgramSettings, RunningConsumer, RunningProgram, World, run_to_end,
};
use nix::sys::signal::Signal;

use super::stage::{
    BY_SUBJECT, DESTINATION, assert_in_order, changes, effects, effects_of, fanfare, letter,
    letters, program,
};
use super::{PROGRAM, flaky, until_accepted, until_all_took_effect, until_it_stands_by};

#[tokio::test]
async fn a_key_waits_for_its_retry_in_place_and_the_others_go_on() {
    const SUBJECTS: usize = 20;
    const EACH: usize = 3;
    let world = World::start().await;
    world.declare_ordered(DESTINATION).await;
    let api = MockApi::sink().await.unwrap();
    let refused = Rule::body_contains("user-0/1", Fault::status(503).retry_after("1")).times(1);
    let late = Rule::body_contains("user-0/1", Fault::status(500).retry_after("2")).times(1);
    api.control(Control::rules([late, refused])).unwrap();
    let consumer = RunningConsumer::start(&world, DESTINATION, &api, &[BY_SUBJECT]);
    world.publish(&changes(SUBJECTS, EACH)).await;
    until_accepted(&api, (SUBJECTS - 1) * EACH).await;
    assert!(effects_of(&api, "user-0").is_empty(), "all others went before it");
    assert_eq!(world.delayed(DESTINATION).await, 0, "nothing left its place");
    until_all_took_effect(&api, SUBJECTS * EACH).await;
    assert_eq!(assert_in_order(&effects(&api), SUBJECTS, EACH), 0);
    consumer.stop().await;
    world.end().await;
}

#[tokio::test]
async fn a_key_is_kept_waiting_no_longer_than_the_patience() {
    let world = World::start().await;
    world.declare_ordered(DESTINATION).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::rules([Rule::body_contains("user-0/1", Fault::status(500))])).unwrap();
    let told = [
        BY_SUBJECT,
        ("FANFARE_ORDERED_PATIENCE", "1s"),
        ("FANFARE_ORDERED_AFTER_DEAD", "skip"),
        ("FANFARE_RETRY_BASE", "400ms"),
    ];
    let consumer = RunningConsumer::start(&world, DESTINATION, &api, &told);
    world.publish(&changes(1, 2)).await;
    assert_eq!(letters(&world, 1).await, [letter("user-0", 1, Cause::Exhausted)]);
    let dead = world.read(&world.names(DESTINATION).dead()).await;
    let reason = dead[0].reason().unwrap();
    assert!(reason.starts_with("would keep its key waiting for more than 1 s"), "{reason}");
    assert!(dead[0].attempts() > 1, "it was tried again in place");
    api.wait_until("the next one", PATIENCE, |api| effects_of(api, "user-0") == [2]).await.unwrap();
    consumer.stop().await;
    world.end().await;
}

#[tokio::test]
async fn whoever_stops_or_is_paused_leaves_the_rest_in_order_and_repeats_nothing() {
    const SUBJECTS: usize = 50;
    const EACH: usize = 20;
    let world = World::start().await;
    world.declare_ordered(DESTINATION).await;
    let api = MockApi::sink().await.unwrap();
    api.control(flaky()).unwrap();
    let settings = program(&world, &api, DESTINATION).set(BY_SUBJECT.0, BY_SUBJECT.1);
    let queue = world.names(DESTINATION).queue().to_owned();
    world.publish(&changes(SUBJECTS, EACH)).await;
    let first = RunningProgram::start(PROGRAM, &settings);
    until_accepted(&api, 200).await;
    let second = RunningProgram::start(PROGRAM, &settings);
    until_it_stands_by(&second).await;
    first.signal(Signal::SIGTERM);
    let (status, log) = first.ended().await;
    assert!(status.success(), "{log:?}");
    until_accepted(&api, 500).await;
    fanfare(&world, "pause --why order").await;
    world.until_consumers(&queue, 0).await;
    assert!(api.totals().accepted < (SUBJECTS * EACH) as u64, "something is left");
    fanfare(&world, "resume --why order").await;
    until_all_took_effect(&api, SUBJECTS * EACH).await;
    world.until_drained(DESTINATION).await;
    assert_eq!(assert_in_order(&effects(&api), SUBJECTS, EACH), 0, "repeats");
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    second.kill().await;
    world.end().await;
}

#[tokio::test]
async fn a_queue_that_was_declared_without_order_is_refused_with_what_to_do() {
    let world = World::start().await;
    let plan = DestinationPlan::new(world.namespace(), DESTINATION, &[]).unwrap();
    declare(world.config(), &Topology::of(world.namespace(), &[plan])).await.unwrap();
    let api = MockApi::sink().await.unwrap();
    for mode in ["declare", "verify"] {
        let settings: ProgramSettings = program(&world, &api, DESTINATION)
            .set(BY_SUBJECT.0, BY_SUBJECT.1)
            .set("FANFARE_TOPOLOGY", mode);
        let (status, _, log) = run_to_end(PROGRAM, &settings).await;
        assert_eq!(status.code(), Some(2), "{mode}: {log}");
        assert!(log.contains("stands unordered"), "{mode}: {log}");
        assert!(log.contains("rabbitmqctl delete_queue t.kept"), "{mode}: {log}");
    }
    world.end().await;
}
