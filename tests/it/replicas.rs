//! Several consumers of one destination know what one of them was told.

use std::time::Duration;

use fanfare_broker::control::News;
use fanfare_sandbox::broker::Permissions;
use fanfare_sandbox::mock::{Control, Fault, MockApi, RequestRecord};
use fanfare_tests::{PATIENCE, RunningConsumer, World, eventually, registered_many};

const DESTINATION: &str = "crm";

fn paused() -> News {
    News::Paused { by: "ada".to_owned(), why: "migration".to_owned() }
}

fn resumed() -> News {
    News::Resumed { by: "ada".to_owned(), why: "it is over".to_owned() }
}

fn start(world: &World, api: &MockApi, replicas: usize) -> Vec<RunningConsumer> {
    (0..replicas).map(|_| RunningConsumer::start(world, DESTINATION, api, &[])).collect()
}

async fn stop(consumers: Vec<RunningConsumer>) {
    for consumer in consumers {
        consumer.stop().await;
    }
}

#[tokio::test]
async fn a_pause_is_everybodys_and_survives_a_restart() {
    const EVENTS: u64 = 300;
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let api = MockApi::sink().await.unwrap();
    let queue = world.names(DESTINATION).queue().to_owned();
    let consumers = start(&world, &api, 2);
    world.until_consumers(&queue, 2).await;
    world.tell(DESTINATION, paused()).await;
    // Whoever is paused takes nothing, so all of it waits in the queue.
    world.until_consumers(&queue, 0).await;
    world.publish(&registered_many(EVENTS as usize)).await;
    world.until_ready(&queue, EVENTS).await;
    stop(consumers).await;

    let consumers = start(&world, &api, 2);
    assert_eq!(world.ready(&queue).await, EVENTS);
    assert_eq!(api.totals().requests, 0);
    world.tell(DESTINATION, resumed()).await;
    api.wait_until("all events", PATIENCE, |api| api.totals().accepted == EVENTS).await.unwrap();
    stop(consumers).await;
    assert_eq!(api.totals().requests, EVENTS, "each was called for once");
    world.end().await;
}

#[tokio::test]
async fn a_pause_that_ends_before_the_calls_under_way_keeps_no_event_waiting() {
    const EVENTS: u64 = 8;
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::latency(1_000, 0)).unwrap();
    let consumer =
        RunningConsumer::start(&world, DESTINATION, &api, &[("FANFARE_MAX_CONCURRENCY", "8")]);
    world.until_consumers(world.names(DESTINATION).queue(), 1).await;
    world.publish(&registered_many(EVENTS as usize)).await;
    // A consumer begins with few calls, so that others wait for their turn.
    eventually("some calls to be under way", async || (api.totals().requests >= 4).then_some(()))
        .await;
    world.tell(DESTINATION, paused()).await;
    world.tell(DESTINATION, resumed()).await;
    api.wait_until("all events", PATIENCE, |api| api.totals().accepted == EVENTS).await.unwrap();
    consumer.stop().await;
    assert_eq!(api.totals().requests, EVENTS, "each was called for once");
    world.end().await;
}

#[tokio::test]
async fn pauses_that_come_and_go_have_nothing_called_for_twice() {
    const EVENTS: u64 = 600;
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::latency(150, 100)).unwrap();
    world.publish(&registered_many(EVENTS as usize)).await;
    let consumers = start(&world, &api, 3);
    for _ in 0..6 {
        let before = api.totals().accepted;
        api.wait_until("more calls", PATIENCE, |api| api.totals().accepted > before).await.unwrap();
        world.tell(DESTINATION, paused()).await;
        world.tell(DESTINATION, resumed()).await;
    }
    api.wait_until("all events", PATIENCE, |api| api.totals().accepted >= EVENTS).await.unwrap();
    stop(consumers).await;
    assert_eq!(api.totals().requests, EVENTS, "each was called for once");
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    world.end().await;
}

#[tokio::test]
async fn who_cannot_write_into_the_log_hears_of_a_pause_all_the_same() {
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let url = world
        .user(Permissions {
            configure: "^$",
            write: r"^(t\.crm\.delay\..*|t\.crm\.dead|t\.reports)$",
            read: r"^t\.crm(\.control)?$",
        })
        .await;
    let api = MockApi::sink().await.unwrap();
    let queue = world.names(DESTINATION).queue().to_owned();
    let variables = [("FANFARE_AMQP_URL", url.as_str()), ("FANFARE_TOPOLOGY", "verify")];
    let consumer = RunningConsumer::start(&world, DESTINATION, &api, &variables);
    world.until_consumers(&queue, 1).await;
    world.tell(DESTINATION, paused()).await;
    world.until_consumers(&queue, 0).await;
    consumer.stop().await;
    let consumer = RunningConsumer::start(&world, DESTINATION, &api, &variables);
    world.publish(&registered_many(1)).await;
    world.tell(DESTINATION, resumed()).await;
    api.wait_until("the event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    consumer.stop().await;
    world.end().await;
}

#[tokio::test]
async fn an_api_that_is_gone_disables_its_destination_until_a_person_resumes_it() {
    const EVENTS: u64 = 100;
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::all(Fault::status(410))).unwrap();
    let queue = world.names(DESTINATION).queue().to_owned();
    let consumers = start(&world, &api, 2);
    world.until_consumers(&queue, 2).await;
    world.publish(&registered_many(EVENTS as usize)).await;
    world.until_consumers(&queue, 0).await;
    eventually("everything to be back in the queue", async || {
        (world.ready(&queue).await == EVENTS).then_some(())
    })
    .await;
    stop(consumers).await;
    api.heal();
    let asked = api.totals().requests;

    let consumers = start(&world, &api, 1);
    assert_eq!(world.ready(&queue).await, EVENTS);
    world.tell(DESTINATION, resumed()).await;
    api.wait_until("all events", PATIENCE, |api| api.totals().accepted == EVENTS).await.unwrap();
    stop(consumers).await;
    assert_eq!(api.totals().requests - asked, EVENTS, "nobody asked while it was disabled");
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_wait_that_one_replica_was_told_is_kept_by_all() {
    const EVENTS: u64 = 2_000;
    const WAIT: Duration = Duration::from_secs(3);
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let api = MockApi::sink().await.unwrap();
    let slow = Fault::status(429).retry_after("3");
    api.control(Control::all(slow)).unwrap();
    world.publish(&registered_many(EVENTS as usize)).await;
    let consumers = start(&world, &api, 3);
    // Then each wait ends with one probe, which is told to wait again.
    api.wait_until("four more waits", PATIENCE, |api| later(&api.log()).len() >= 4).await.unwrap();
    api.heal();
    api.wait_until("all events", 2 * PATIENCE, |api| api.totals().accepted == EVENTS)
        .await
        .unwrap();
    stop(consumers).await;

    let requests = api.log();
    let early = early_calls(&requests, WAIT);
    assert!(early.is_empty(), "{} early calls, the first {:?}", early.len(), early[0]);
    assert_eq!(world.ready(&world.names(DESTINATION).dead()).await, 0);
    assert_eq!(api.totals().accepted, EVENTS, "nothing was called for twice");
    world.end().await;
}

/// Calls of the first moment were under way when the API asked to wait.
const FIRST_MOMENT_MS: f64 = 1_000.0;

fn later(requests: &[RequestRecord]) -> Vec<&RequestRecord> {
    let Some(first_ms) = requests.first().and_then(|first| first.ended_ms) else {
        return Vec::new();
    };
    requests.iter().filter(|request| request.arrived_ms > first_ms + FIRST_MOMENT_MS).collect()
}

/// Later calls that arrived before the end of a wait that the API had asked for.
fn early_calls(requests: &[RequestRecord], wait: Duration) -> Vec<&RequestRecord> {
    let told = || requests.iter().filter(|request| request.status == Some(429));
    let is_early = |request: &&RequestRecord| {
        told().filter_map(|told| told.ended_ms).any(|asked_ms| {
            (0.0..wait.as_secs_f64() * 1e3).contains(&(request.arrived_ms - asked_ms))
        })
    };
    later(requests).into_iter().filter(is_early).collect()
}
