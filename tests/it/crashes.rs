//! Kill -9, again and again: nothing is lost, and doubles stay within their bound.

use std::collections::BTreeMap;

use fanfare_broker::Cause;
use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::mock::{Control, Fault, MockApi, Moment, Rule};
use fanfare_tests::{
    PATIENCE, ProgramSettings, RunningProgram, World, eventually, registered_many,
};

/// The keys that events have at a destination.
fn keys(events: &[Event], destination: &str) -> Vec<String> {
    let name = destination.parse().unwrap();
    events.iter().map(|event| IdempotencyKey::of(event, &name).to_string()).collect()
}

fn hubspot(world: &World, api: &MockApi) -> ProgramSettings {
    settings(world).set("HUBSPOT_BASE_URL", api.base_url()).set("HUBSPOT_ACCESS_TOKEN", "token")
}

fn sendgrid(world: &World, api: &MockApi) -> ProgramSettings {
    settings(world)
        .set("SENDGRID_BASE_URL", api.base_url())
        .set("SENDGRID_API_KEY", "SG.key")
        .set("SENDGRID_FROM_EMAIL", "hello@example.org")
}

fn settings(world: &World) -> ProgramSettings {
    ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_LOG", "warn")
        .set("FANFARE_TIMEOUT", "5s")
        .set("FANFARE_RETRY_CAP", "2s")
}

/// I1, I3 and I4: every event was delivered, none is dead, nothing else was delivered.
async fn assert_whole(world: &World, api: &MockApi, events: &[Event], destination: &str) {
    let expected = keys(events, destination);
    let seen = api.effects().keys;
    let missing: Vec<_> = expected.iter().filter(|key| !seen.contains_key(*key)).collect();
    assert!(missing.is_empty(), "{} of {destination} are missing", missing.len());
    assert_eq!(seen.len(), expected.len(), "{destination} got what was never published");
    assert_eq!(world.ready(&world.names(destination).dead()).await, 0);
    assert_eq!(world.ready(&world.namespace().unrouted()).await, 0);
}

fn doubles(api: &MockApi) -> u32 {
    api.effects().keys.values().map(|tally| tally.accepted.saturating_sub(1)).sum()
}

#[tokio::test]
async fn consumers_killed_twenty_times_lose_nothing() {
    const EVENTS: usize = 3_000;
    const KILLS: u64 = 20;
    const IN_FLIGHT: u32 = 16;
    const BATCH: u32 = 10;
    /// So many events can be in calls when a consumer dies: four batches are at hand.
    const IN_CALLS: u32 = 4 * BATCH;
    let world = World::start().await;
    world.declare(&["hubspot", "sendgrid"]).await;
    let (crm, mail) = (MockApi::hubspot().await.unwrap(), MockApi::sendgrid().await.unwrap());
    for api in [&crm, &mail] {
        api.control(Control { latency_ms: 10, jitter_ms: 10, ..Control::default() }).unwrap();
    }
    let limit = IN_FLIGHT.to_string();
    // Fewer than are delivered between two kills: what is handed over again and again, and
    // never settled, would be suspected and called for one at a time.
    let hubspot = hubspot(&world, &crm)
        .set("FANFARE_MAX_CONCURRENCY", &limit)
        .set("HUBSPOT_BATCH_SIZE", BATCH.to_string());
    let sendgrid = sendgrid(&world, &mail).set("FANFARE_MAX_CONCURRENCY", &limit);
    let events = registered_many(EVENTS);
    let producer = world.producer().await;
    for receipt in producer.publish_all(&events).await {
        assert!(receipt.unwrap().routed);
    }

    let other = RunningProgram::start("fanfare-consumer-sendgrid", &sendgrid);
    let mut kills = 0;
    while kills < KILLS {
        let before = crm.totals().accepted;
        let victim = RunningProgram::start("fanfare-consumer-hubspot", &hubspot);
        let some = (before + 40).min(EVENTS as u64);
        crm.wait_until("some deliveries", PATIENCE, |api| api.totals().accepted >= some)
            .await
            .unwrap();
        victim.kill().await;
        kills += 1;
    }
    let last = RunningProgram::start("fanfare-consumer-hubspot", &hubspot);
    for (api, destination) in [(&crm, "hubspot"), (&mail, "sendgrid")] {
        api.wait_until(destination, 2 * PATIENCE, |api| api.totals().accepted >= EVENTS as u64)
            .await
            .unwrap();
        world.until_drained(destination).await;
    }
    eventually("the last events at hubspot", async || {
        (crm.effects().keys.len() == EVENTS).then_some(())
    })
    .await;
    assert_whole(&world, &crm, &events, "hubspot").await;
    assert_whole(&world, &mail, &events, "sendgrid").await;
    assert!(doubles(&crm) <= IN_CALLS * kills as u32, "{} doubles", doubles(&crm));
    assert_eq!(doubles(&mail), 0, "a consumer that was not killed repeats nothing");
    // An upsert with the same content has no second effect.
    let effects: BTreeMap<_, _> = crm.effects().keys;
    assert!(effects.values().all(|tally| tally.effects == 1));
    assert_eq!(kills, KILLS);
    last.kill().await;
    other.kill().await;
    producer.close().await;
    world.end().await;
}

/// Kills a consumer whenever it calls for the poison, until that is a dead letter. Returns the
/// kills, and the consumer that is left.
async fn die_of_poison(
    world: &World,
    api: &MockApi,
    settings: &ProgramSettings,
) -> (usize, RunningProgram) {
    let dead = world.names("sendgrid").dead();
    for kills in 0.. {
        let calls = api.faults_injected();
        let victim = RunningProgram::start("fanfare-consumer-sendgrid", settings);
        let is_given_up =
            eventually("a call for the poison, or its dead letter", async || {
                match api.faults_injected() > calls {
                    true => Some(false),
                    false => (world.ready(&dead).await > 0).then_some(true),
                }
            })
            .await;
        if is_given_up {
            return (kills, victim);
        }
        victim.kill().await;
    }
    unreachable!("it ends only with a dead letter")
}

#[tokio::test]
async fn an_event_that_kills_its_consumers_is_given_up_and_none_that_was_at_hand_with_it() {
    const EVENTS: usize = 40;
    const MOST_KILLS: usize = 15;
    let world = World::start().await;
    world.declare(&["sendgrid"]).await;
    let api = MockApi::sendgrid().await.unwrap();
    let poison = Rule::body_contains("user-1@", Fault::hang(Moment::BeforeRead));
    api.control(Control::rules([poison])).unwrap();
    let (producer, events) = (world.producer().await, registered_many(EVENTS));
    for event in &events {
        producer.publish(event).await.unwrap();
    }
    // The poison is called for first, and everything is at hand with it.
    let settings = sendgrid(&world, &api)
        .set("FANFARE_MAX_CONCURRENCY", "1")
        .set("FANFARE_PREFETCH", EVENTS.to_string());
    let (kills, last) = die_of_poison(&world, &api, &settings).await;
    assert!((10..=MOST_KILLS).contains(&kills), "{kills} kills");
    let all_others = |api: &MockApi| api.effects().keys.len() == EVENTS - 1;
    api.wait_until("the others", PATIENCE, all_others).await.unwrap();
    world.until_drained("sendgrid").await;
    let dead = world.read(&world.names("sendgrid").dead()).await;
    let dead: Vec<_> = dead.iter().map(|letter| (letter.id(), letter.cause())).collect();
    assert_eq!(dead, [(events[0].id().as_str(), Some(Cause::Poison))]);
    // Its ack may still be on its way when the next one kills.
    assert!(doubles(&api) <= kills as u32, "{} doubles", doubles(&api));
    last.kill().await;
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_broker_killed_five_times_under_load_loses_nothing_that_was_confirmed() {
    const EVENTS: usize = 3_000;
    const KILLS: usize = 5;
    let mut world = World::with_own_node().await;
    world.declare(&["hubspot", "sendgrid"]).await;
    let (crm, mail) = (MockApi::hubspot().await.unwrap(), MockApi::sendgrid().await.unwrap());
    let retried = Rule::sometimes(0.02, 11, Fault::status(503));
    for api in [&crm, &mail] {
        let control = Control { latency_ms: 5, rules: vec![retried.clone()], ..Control::default() };
        api.control(control).unwrap();
    }
    let consumers = [
        RunningProgram::start("fanfare-consumer-hubspot", &hubspot(&world, &crm)),
        RunningProgram::start("fanfare-consumer-sendgrid", &sendgrid(&world, &mail)),
    ];
    let producer = world.producer().await;
    let events = registered_many(EVENTS);
    // A burst for each kill: the broker dies while confirms are outstanding.
    for (round, burst) in events.chunks(EVENTS / KILLS).enumerate() {
        let publishing = {
            let (producer, burst) = (producer.clone(), burst.to_vec());
            tokio::spawn(async move { producer.publish_all(&burst).await })
        };
        let some = (round * EVENTS / KILLS + 100) as u64;
        crm.wait_until("some deliveries", PATIENCE, |api| api.totals().accepted >= some)
            .await
            .unwrap();
        world.own_node().kill().await.unwrap();
        world.own_node().start().await.unwrap();
        for receipt in publishing.await.unwrap() {
            receipt.expect("a publish survives a broker that comes back in time");
        }
    }
    for (api, destination) in [(&crm, "hubspot"), (&mail, "sendgrid")] {
        // A delay that falls due while the broker boots may come 180 s late.
        let (api, count) = (api, EVENTS);
        api.wait_until(destination, 5 * PATIENCE, |api| api.effects().keys.len() == count)
            .await
            .unwrap();
        assert_whole(&world, api, &events, destination).await;
    }
    assert!(crm.faults_injected() > 0 && mail.faults_injected() > 0, "retries were under way");
    let reconnects =
        consumers[0].log().iter().filter(|line| line.contains("will try again")).count();
    assert!(reconnects >= KILLS, "each kill was noticed: {reconnects}");
    assert!(crm.effects().keys.values().all(|tally| tally.effects == 1));
    for consumer in consumers {
        consumer.kill().await;
    }
    producer.close().await;
    world.end().await;
}

#[tokio::test]
async fn an_event_between_two_attempts_survives_its_consumer_and_its_broker() {
    let mut world = World::with_own_node().await;
    world.declare(&["hubspot"]).await;
    let api = MockApi::hubspot().await.unwrap();
    api.control(Control::script([Fault::status(503), Fault::status(503)])).unwrap();
    let settings = hubspot(&world, &api);
    let consumer = RunningProgram::start("fanfare-consumer-hubspot", &settings);
    let producer = world.producer().await;
    producer.publish(&registered_many(1)[0]).await.unwrap();
    world.until_delayed("hubspot", 1).await;
    consumer.kill().await;
    let consumer = RunningProgram::start("fanfare-consumer-hubspot", &settings);
    api.wait_until("the second attempt", PATIENCE, |api| api.log().len() == 2).await.unwrap();
    world.until_delayed("hubspot", 1).await;
    world.own_node().kill().await.unwrap();
    world.own_node().start().await.unwrap();
    api.wait_until("the third attempt", 5 * PATIENCE, |api| api.totals().accepted == 1)
        .await
        .unwrap();
    let log = api.log();
    assert_eq!(log.len(), 3);
    assert!(log.iter().all(|call| call.keys == log[0].keys), "one key throughout");
    assert_eq!(api.effects().effects, 1);
    consumer.kill().await;
    producer.close().await;
    world.end().await;
}
