//! What follows a delivery is at the broker, and the delivery is not acked: killed in between.

use std::collections::BTreeSet;

use fanfare_events::Event;
use fanfare_sandbox::mock::{Control, Fault, Rule};
use fanfare_sandbox::proxy::{AMQP_ACK, Counts, Direction, FaultProxy, Faults};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{
    PATIENCE, ProgramSettings, Replica, Vendor, World, eventually, registered, registered_many,
    run_to_end,
};

use super::{assert_each_delivered_once, key, until_delivered};

/// Kills a consumer of which the broker has the successor of its delivery, and not the ack.
/// Then the API is well, and another consumes. Returns that one.
async fn killed_between_successor_and_ack(
    world: &World,
    vendor: &Vendor,
    event: Event,
    answer: Fault,
    variables: &[(&str, &str)],
) -> Replica {
    vendor.mock.control(Control::all(answer)).unwrap();
    let proxy = world.proxy().await;
    let victim = Replica::start(world, vendor, &world.url_through(proxy.address()), variables);
    let queue = world.names(vendor.name).queue().to_owned();
    world.until_consumers(&queue, 1).await;
    // The connection that consumes is cut off when it says its first ack.
    proxy.set(Faults::withhold_from(Direction::Requests, AMQP_ACK));
    world.publish(&[event]).await;
    proxy.wait_until("the ack", PATIENCE, |counts| counts.withheld > 0).await.unwrap();
    victim.program.kill().await;
    proxy.reset_connections();
    // That it is here again shows that the ack was not.
    world.until_ready(&queue, 1).await;
    vendor.mock.heal();
    Replica::start(world, vendor, world.url(), variables)
}

/// Replays the dead letters of a destination.
async fn replay(world: &World, vendor: &Vendor) {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit").display().to_string();
    let settings = ["dlq", "replay", "-d", vendor.name, "--yes"]
        .iter()
        .fold(ProgramSettings::default(), |settings, it| settings.argument(it))
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_AUDIT_LOG", audit);
    let (status, _, log) = run_to_end("fanfare", &settings).await;
    assert!(status.success(), "{log}");
}

async fn a_retry_and_its_original_are_one_effect(vendor: Vendor, ledger: &[(&str, &str)]) {
    let world = World::start().await;
    world.declare(&[vendor.name]).await;
    let (event, answer) = (registered(1), Fault::status(503));
    let next = killed_between_successor_and_ack(&world, &vendor, event, answer, ledger).await;
    next.until_settled("delivered", 1).await;
    next.until_settled("duplicate", 1).await;
    assert_each_delivered_once(&world, &vendor, &[registered(1)]).await;
    assert_eq!(vendor.mock.totals().accepted, 1, "calls to {}", vendor.name);
    next.stop().await;
    world.end().await;
}

#[tokio::test]
async fn a_kill_between_the_confirm_of_a_retry_and_the_ack_causes_no_second_effect() {
    let redis = RedisNode::private().await.unwrap();
    let shared = [("FANFARE_LEDGER", redis.url())];
    tokio::join!(
        a_retry_and_its_original_are_one_effect(Vendor::hubspot().await, &[]),
        a_retry_and_its_original_are_one_effect(Vendor::sendgrid().await, &[]),
        a_retry_and_its_original_are_one_effect(Vendor::sendgrid().await, &shared),
    );
}

async fn a_dead_letter_is_its_only_end(world: World, event: Event, variables: &[(&str, &str)]) {
    let vendor = Vendor::sendgrid().await;
    let (events, answer) = ([event.clone()], Fault::status(400));
    let next = killed_between_successor_and_ack(&world, &vendor, event, answer, variables).await;
    next.until_settled("duplicate", 1).await;
    assert_eq!(vendor.mock.totals().requests, 1, "it is dead, although it would be taken now");
    assert_eq!(letters(&world, &vendor).await, [events[0].id().to_string()]);
    // A person's word is another matter.
    replay(&world, &vendor).await;
    until_delivered(&vendor, &events).await;
    assert_each_delivered_once(&world, &vendor, &events).await;
    next.stop().await;
    world.end().await;
}

#[tokio::test]
async fn with_a_shared_ledger_a_kill_between_the_confirm_of_a_dead_letter_and_the_ack_is_its_only_end()
 {
    let redis = RedisNode::private().await.unwrap();
    let world = World::start().await;
    world.declare(&["sendgrid"]).await;
    a_dead_letter_is_its_only_end(world, registered(1), &[("FANFARE_LEDGER", redis.url())]).await;
}

#[tokio::test]
async fn also_where_an_event_keeps_back_those_that_follow_it() {
    let redis = RedisNode::private().await.unwrap();
    let world = World::start().await;
    world.declare_ordered("sendgrid").await;
    let mut event: serde_json::Value = serde_json::from_slice(&registered(1).to_json()).unwrap();
    event["subject"] = "user-1".into();
    let event = Event::from_json(event.to_string().as_bytes()).unwrap();
    let variables = [("FANFARE_LEDGER", redis.url()), ("FANFARE_ORDERED_BY", "subject")];
    a_dead_letter_is_its_only_end(world, event, &variables).await;
}

/// With a ledger that died with its process the event is called for again: it is delivered and
/// dead, and a replay of the letter is one more call, under the same key.
#[tokio::test]
async fn with_a_ledger_in_memory_such_a_kill_repeats_the_call_and_a_replay_of_its_letter_none() {
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    world.declare(&[vendor.name]).await;
    let (event, answer) = (registered(1), Fault::status(400));
    let next = killed_between_successor_and_ack(&world, &vendor, event, answer, &[]).await;
    next.until_settled("delivered", 1).await;
    assert_eq!(letters(&world, &vendor).await, [registered(1).id().to_string()]);
    assert_eq!(next.repeats().await, 1, "it is counted");
    replay(&world, &vendor).await;
    next.until_settled("duplicate", 1).await;
    assert_each_delivered_once(&world, &vendor, &[registered(1)]).await;
    next.stop().await;
    world.end().await;
}

/// What becomes of a destination whose successors arrive, and whose consumer does not hear of it.
async fn successors_without_confirms(lost: impl AsyncFnOnce(&FaultProxy)) {
    const EVENTS: usize = 30;
    const EACH: usize = 10;
    let (world, vendor) = (World::start().await, Vendor::sendgrid().await);
    world.declare(&[vendor.name]).await;
    let events = registered_many(EVENTS);
    let (dead, others) = events.split_at(EACH);
    // Events are numbered from 1.
    let about = |user: usize, fault| Rule::body_contains(format!("user-{user}@"), fault);
    let rules = (1..=EACH).map(|user| about(user, Fault::status(400)));
    let once = |user| about(user, Fault::status(500)).times(1);
    let rules = rules.chain((EACH + 1..=2 * EACH).map(once));
    vendor.mock.control(Control::rules(rules)).unwrap();
    let proxy = world.proxy().await;
    let through = world.url_through(proxy.address());
    let consumer = Replica::start(&world, &vendor, &through, &[]);
    world.until_consumers(world.names(vendor.name).queue(), 1).await;

    // Connections that publish hear no confirms, and the one that consumes goes on.
    proxy.set(Faults::withhold_from(Direction::Replies, AMQP_ACK));
    world.publish(&events).await;
    // Those that are retried are among them as soon as they are due, so there may be more.
    eventually("deliveries without a failure", async || {
        (consumer.settled("delivered").await >= (EVENTS - 2 * EACH) as u64).then_some(())
    })
    .await;
    let names = world.names(vendor.name);
    eventually("all dead letters", async || {
        (world.ready(&names.dead()).await >= EACH as u64).then_some(())
    })
    .await;
    assert_eq!(consumer.settled("dead").await, 0, "no confirm has passed");
    lost(&proxy).await;
    proxy.heal().await.unwrap();

    let all = EVENTS - EACH;
    vendor
        .mock
        .wait_until("the others", PATIENCE, |it| it.totals().effects >= all as u64)
        .await
        .unwrap();
    world.until_drained(vendor.name).await;
    assert!(proxy.counts().withheld > 0, "{:?}", proxy.counts());
    let tallies = vendor.mock.effects().keys;
    for event in others {
        assert_eq!(tallies[&key(event, &vendor)].effects, 1, "{}", event.id());
    }
    // The same letter may be there more than once, and no other.
    let ids: BTreeSet<_> = letters(&world, &vendor).await.into_iter().collect();
    assert_eq!(ids, dead.iter().map(|event| event.id().to_string()).collect());
    vendor.mock.heal();
    replay(&world, &vendor).await;
    until_delivered(&vendor, &events).await;
    assert_each_delivered_once(&world, &vendor, &events).await;
    consumer.stop().await;
    world.end().await;
}

#[tokio::test]
async fn successors_whose_confirms_are_lost_are_published_again_and_have_one_effect() {
    successors_without_confirms(async |proxy| {
        proxy.reset_connections();
        proxy.wait_until("the cut", PATIENCE, |counts| counts.resets > 0).await.unwrap();
    })
    .await;
}

#[tokio::test]
#[ignore = "takes a minute: the confirms are lost for longer than a consumer waits for one"]
async fn successors_whose_confirms_are_lost_for_thirty_seconds_have_one_effect() {
    successors_without_confirms(async |proxy| {
        let connections = proxy.counts().connections;
        let again = |counts: &Counts| counts.connections > connections;
        proxy.wait_until("the consumer to dial again", PATIENCE, again).await.unwrap();
    })
    .await;
}

async fn letters(world: &World, vendor: &Vendor) -> Vec<String> {
    let letters = world.read(&world.names(vendor.name).dead()).await;
    letters.iter().map(|letter| letter.id().to_owned()).collect()
}
