//! A rate limit that three consumers share through a Redis.

use std::time::Duration;

use fanfare_sandbox::mock::{Control, MockApi, RequestRecord, most_within};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{
    PATIENCE, ProgramSettings, RunningProgram, World, registered_many, run_to_end,
};

const REPLICAS: usize = 3;

/// A limit as settings say it, and as the log is to show it.
#[derive(Clone, Copy)]
struct Limit {
    calls: usize,
    per: Duration,
}

/// Three consumers of one destination with a backlog.
struct Story {
    world: World,
    redis: RedisNode,
    api: MockApi,
    replicas: Vec<RunningProgram>,
}

impl Story {
    async fn start(limit: Limit, events: usize) -> Self {
        let world = World::start().await;
        world.declare(&["hubspot"]).await;
        world.publish(&registered_many(events)).await;
        let redis = RedisNode::private().await.unwrap();
        let api = MockApi::hubspot().await.unwrap();
        api.control(Control::latency(30, 20)).unwrap();
        let settings = settings(&world, &api, &redis)
            .set("FANFARE_RATE_LIMIT", format!("{}/{}s", limit.calls, limit.per.as_secs()));
        let replicas = (0..REPLICAS)
            .map(|_| RunningProgram::start("fanfare-consumer-hubspot", &settings))
            .collect();
        Self { world, redis, api, replicas }
    }

    async fn until_accepted(&self, events: usize) {
        let what = format!("{events} events");
        self.api
            .wait_until(&what, PATIENCE, |api| api.totals().accepted >= events as u64)
            .await
            .unwrap();
    }

    /// Every event was delivered; the calls in the order of their arrival.
    async fn end(self, events: usize) -> Vec<RequestRecord> {
        // Calls that were repeated after a kill are accepted too, so their number says less.
        let all = |api: &MockApi| api.effects().keys.len() == events;
        self.api.wait_until("every event's effect", PATIENCE, all).await.unwrap();
        self.world.until_drained("hubspot").await;
        for replica in self.replicas {
            replica.kill().await;
        }
        assert_eq!(self.world.ready(&self.world.names("hubspot").dead()).await, 0);
        self.world.end().await;
        let mut calls = self.api.log();
        calls.sort_by(|one, other| one.arrived_ms.total_cmp(&other.arrived_ms));
        calls
    }
}

fn settings(world: &World, api: &MockApi, redis: &RedisNode) -> ProgramSettings {
    ProgramSettings::default()
        .set("FANFARE_AMQP_URL", world.url())
        .set("FANFARE_NAMESPACE", world.namespace().as_str())
        .set("FANFARE_RATE_LIMIT_STORE", redis.url())
        .set("FANFARE_LOG", "info")
        .set("HUBSPOT_BASE_URL", api.base_url())
        .set("HUBSPOT_ACCESS_TOKEN", "token")
        .set("HUBSPOT_BATCH_SIZE", "1")
}

#[tokio::test]
async fn three_replicas_keep_to_a_hundred_in_ten_seconds_and_use_nearly_all_of_it() {
    const EVENTS: usize = 250;
    let limit = Limit { calls: 100, per: Duration::from_secs(10) };
    let story = Story::start(limit, EVENTS).await;
    story.until_accepted(EVENTS).await;
    let calls = story.end(EVENTS).await;
    assert_eq!(most_within(limit.per, &calls), limit.calls);
    assert_eq!(calls.len(), EVENTS);
    // The first hundred at once, the next ten seconds later, the rest after ten more.
    let took_ms = calls[EVENTS - 1].arrived_ms - calls[0].arrived_ms;
    assert!(took_ms <= 20_000.0 / 0.9, "{took_ms} ms");
}

#[tokio::test]
async fn a_replica_that_is_killed_takes_no_event_and_no_call_of_the_limit_with_it() {
    const EVENTS: usize = 240;
    let limit = Limit { calls: 40, per: Duration::from_secs(2) };
    let mut story = Story::start(limit, EVENTS).await;
    story.until_accepted(90).await;
    story.replicas.remove(0).kill().await;
    story.until_accepted(EVENTS).await;
    let calls = story.end(EVENTS).await;
    assert_eq!(most_within(limit.per, &calls), limit.calls);
}

#[tokio::test]
async fn while_the_redis_is_away_calls_go_on_and_when_it_is_back_the_limit_is_shared_again() {
    const EVENTS: usize = 600;
    let limit = Limit { calls: 20, per: Duration::from_secs(1) };
    let mut story = Story::start(limit, EVENTS).await;
    story.until_accepted(60).await;
    story.redis.kill();
    for replica in &story.replicas {
        replica.until_logged("the shared rate limit cannot be reached").await;
    }
    let before = story.api.log().len();
    story.until_accepted(before + 2 * REPLICAS * limit.calls).await;
    let alone = story.api.log().len();
    story.redis.start().await.unwrap();
    for replica in &story.replicas {
        replica.until_logged("the shared rate limit is back").await;
    }
    let back = story.api.log().len();
    story.until_accepted(EVENTS).await;
    let calls = story.end(EVENTS).await;
    assert_eq!(most_within(limit.per, &calls[..before.min(60)]), limit.calls);
    assert!(most_within(limit.per, &calls[before..alone]) > limit.calls, "each for itself");
    assert!(most_within(limit.per, &calls) <= REPLICAS * limit.calls);
    let settled = calls[back].arrived_ms + limit.per.as_secs_f64() * 1e3;
    let shared: Vec<_> = calls.into_iter().filter(|call| call.arrived_ms > settled).collect();
    assert_eq!(most_within(limit.per, &shared), limit.calls);
}

#[tokio::test]
async fn a_check_looks_for_the_redis_unless_nothing_is_counted_there() {
    let world = World::start().await;
    let (mut redis, api) = (RedisNode::private().await.unwrap(), MockApi::hubspot().await.unwrap());
    let unlimited = settings(&world, &api, &redis).argument("--check");
    let limited = unlimited.clone().set("FANFARE_RATE_LIMIT", "5/s");
    let (status, _, log) = run_to_end("fanfare-consumer-hubspot", &limited).await;
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("The Redis can be reached"), "{log}");
    redis.kill();
    let (status, _, log) = run_to_end("fanfare-consumer-hubspot", &limited).await;
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("The Redis cannot be reached"), "{log}");
    assert!(!log.contains(redis.password()), "{log}");
    let (status, _, log) = run_to_end("fanfare-consumer-hubspot", &unlimited).await;
    assert_eq!(status.code(), Some(0), "{log}");
    world.end().await;
}
