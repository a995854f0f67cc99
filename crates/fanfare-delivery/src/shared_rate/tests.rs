//! The shared rate limit against a real Redis, and what is left of it without one.

use std::sync::{Arc, Mutex};

use fanfare_sandbox::redis::RedisNode;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use crate::outcome::{Outcome, Trouble};
use crate::permits::{Ending, Permit, Permits};
use crate::shared::tests::address;

const PLACES: &str = "t:rate:api";
const HOLD: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(300);
const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// What one process has: permits of its own that share a Redis with the others'.
struct Process {
    permits: Permits,
    unavailable: Counter,
}

impl Process {
    async fn start(redis: &RedisNode, limit: &str, hold: Duration) -> Self {
        let address = address(redis.url(), None);
        let (limit, unavailable) = (limit.parse().unwrap(), Counter::default());
        let options = SharedRateOptions { limit, hold, unavailable: unavailable.clone() };
        let api = "api".parse().unwrap();
        let shared = SharedRate::connect(&address, "t", &api, options).await.unwrap();
        Self { permits: Permits::new(100, Some(limit)).sharing(Some(shared)), unavailable }
    }

    async fn permit(&self) -> Permit<'_> {
        let permit = timeout(PATIENCE, self.permits.acquire()).await;
        permit.expect("a permit in time").expect("nobody is dismissed")
    }

    async fn permits(&self, count: usize) -> Vec<Permit<'_>> {
        let mut permits = Vec::new();
        for _ in 0..count {
            permits.push(self.permit().await);
        }
        permits
    }

    async fn has_to_wait(&self, time: Duration) -> bool {
        timeout(time, self.permits.acquire()).await.is_err()
    }

    /// A call of no length; when it was made.
    async fn call(&self) -> Instant {
        let permit = self.permit().await;
        let now = Instant::now();
        call(permit);
        now
    }
}

fn call(mut permit: Permit<'_>) {
    permit.begin();
    permit.ended(Ending::of(&Outcome::Delivered, SHORT, None));
}

async fn processes<const COUNT: usize>(
    limit: &str,
    hold: Duration,
) -> (RedisNode, [Process; COUNT]) {
    let redis = RedisNode::private().await.unwrap();
    let mut processes = Vec::new();
    for _ in 0..COUNT {
        processes.push(Process::start(&redis, limit, hold).await);
    }
    let Ok(processes) = processes.try_into() else { panic!("as many as were started") };
    (redis, processes)
}

/// Places that are not free. What is free already stays until somebody asks for a place.
fn places(redis: &RedisNode) -> usize {
    let now_ms = format!("({}", redis_now_ms(redis));
    redis.ask(&["ZCOUNT", PLACES, &now_ms, "+inf"]).unwrap().parse().unwrap()
}

fn redis_now_ms(redis: &RedisNode) -> u64 {
    let time = redis.ask(&["TIME"]).unwrap();
    let (seconds, micros) = time.split_once('\n').unwrap();
    seconds.parse::<u64>().unwrap() * 1000 + micros.parse::<u64>().unwrap() / 1000
}

/// When the first place is free.
fn first_free_ms(redis: &RedisNode) -> u64 {
    let first = redis.ask(&["ZRANGE", PLACES, "0", "0", "WITHSCORES"]).unwrap();
    first.lines().last().unwrap().parse().unwrap()
}

async fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let asked = async {
        while !fact() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

#[tokio::test]
async fn no_window_holds_more_than_the_limit_and_little_less_whoever_calls() {
    const CALLS: usize = 30;
    const WINDOW: Duration = Duration::from_millis(500);
    const WINDOWS: u32 = 6;
    let (_redis, processes) = processes::<3>("30/500ms", HOLD).await;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let end = Instant::now() + WINDOWS * WINDOW;
    let mut callers = JoinSet::new();
    for process in processes.map(Arc::new) {
        for _ in 0..16 {
            let (process, arrived) = (Arc::clone(&process), Arc::clone(&arrived));
            callers.spawn(async move {
                while let Ok(permit) = tokio::time::timeout_at(end, process.permits.acquire()).await
                {
                    let mut permit = permit.unwrap();
                    permit.begin();
                    sleep(Duration::from_millis(fastrand::u64(0..10))).await;
                    arrived.lock().unwrap().push(Instant::now());
                    sleep(Duration::from_millis(fastrand::u64(0..10))).await;
                    permit.ended(Ending::of(&Outcome::Delivered, SHORT, None));
                }
            });
        }
    }
    callers.join_all().await;
    let mut arrived = std::mem::take(&mut *arrived.lock().unwrap());
    arrived.sort();
    for one_too_many in arrived.windows(CALLS + 1) {
        let span = one_too_many[CALLS] - one_too_many[0];
        assert!(span >= WINDOW, "{CALLS} + 1 calls within {span:?}");
    }
    // A window ends when the calls in it have, so that six take a little longer.
    let least = CALLS * WINDOWS as usize * 2 / 3;
    assert!(arrived.len() >= least, "{} calls in {WINDOWS} windows", arrived.len());
}

#[tokio::test]
async fn a_place_without_a_call_is_free_at_once_and_one_whose_call_was_begun_is_not() {
    let (redis, [one, other]) = processes("1/60s", HOLD).await;
    drop(one.permit().await);
    let mut permit = other.permit().await;
    permit.begin();
    drop(permit);
    other.permits.settled().await;
    assert_eq!(places(&redis), 1);
    assert!(one.has_to_wait(2 * SECOND).await);
}

#[tokio::test]
async fn the_clock_is_that_of_the_redis() {
    let (redis, [one]) = processes("1/10s", HOLD).await;
    let free_ms = redis_now_ms(&redis) + 700;
    redis.ask(&["ZADD", PLACES, &free_ms.to_string(), "somebody"]).unwrap();
    let permit = one.permit().await;
    assert!(redis_now_ms(&redis) >= free_ms);
    // What is said again while a call is under way counts from then.
    let taken_for = first_free_ms(&redis) - free_ms;
    assert!((19_300..=21_000).contains(&taken_for), "{taken_for} ms if nothing more is said");
    call(permit);
    one.permits.settled().await;
    let free_after = first_free_ms(&redis) - free_ms;
    assert!((10_000..12_000).contains(&free_after), "{free_after} ms after the call could start");
}

#[tokio::test]
async fn a_clock_that_is_set_back_stops_nothing() {
    let (redis, [one]) = processes("1/10s", HOLD).await;
    let free_ms = redis_now_ms(&redis) + 3_600_000;
    redis.ask(&["ZADD", PLACES, &free_ms.to_string(), "somebody"]).unwrap();
    let asked = Instant::now();
    one.call().await;
    assert!(asked.elapsed() < SECOND, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn who_asked_first_has_the_next_place_and_gives_it_back_if_it_may_not_call() {
    for change in ["dismissed", "in trouble", "none"] {
        let (_redis, [one, first, second]) = processes("1/800ms", HOLD).await;
        let called = one.call().await;
        let mut waiting = Box::pin(first.permits.acquire());
        assert!(timeout(SHORT, &mut waiting).await.is_err(), "it has a place, and waits for it");
        match change {
            "dismissed" => {
                first.permits.dismiss();
                assert!(waiting.await.is_err());
            }
            "in trouble" => {
                first.permits.hold(Trouble::Failing);
                assert!(timeout(SHORT, &mut waiting).await.is_err());
            }
            _ => {
                call(timeout(PATIENCE, waiting).await.unwrap().unwrap());
                assert!(
                    (800..2400).contains(&called.elapsed().as_millis()),
                    "{:?}",
                    called.elapsed()
                );
                let after = second.call().await - called;
                assert!(after.as_millis() >= 1600, "{after:?}");
                continue;
            }
        }
        let after = second.call().await - called;
        assert!((800..2400).contains(&after.as_millis()), "{change}: {after:?}");
    }
}

#[tokio::test]
async fn a_call_that_takes_long_keeps_its_place() {
    let (_redis, [one, other]) = processes("1/100ms", SHORT).await;
    let long = one.permit().await;
    assert!(other.has_to_wait(5 * SHORT).await, "somebody took the place of a call under way");
    let ended = Instant::now();
    call(long);
    let waited = other.call().await - ended;
    assert!(waited.as_millis() >= 100, "{waited:?}");
}

#[test]
fn the_places_of_a_process_that_died_are_free_after_a_while() {
    const CALLS: usize = 4;
    let (dying, living) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let redis = living.block_on(RedisNode::private()).unwrap();
    let died = dying.block_on(async {
        let process = Box::leak(Box::new(Process::start(&redis, "4/300ms", SECOND).await));
        std::mem::forget(process.permits(CALLS).await);
        Instant::now()
    });
    dying.shutdown_background();
    living.block_on(async {
        let process = Process::start(&redis, "4/300ms", SECOND).await;
        let _permits = process.permits(CALLS).await;
        let after = died.elapsed().as_millis();
        assert!((1000..5000).contains(&after), "{after} ms");
    });
}

#[tokio::test]
async fn while_the_redis_is_away_each_process_keeps_to_the_limit_and_tells_it_later() {
    let (mut redis, [one, other]) = processes("3/60s", HOLD).await;
    call(one.permit().await);
    redis.kill();
    for permit in one.permits(2).await {
        call(permit);
    }
    assert!(one.has_to_wait(SHORT).await, "alone it keeps to the limit, too");
    let under_way = other.permits(3).await;
    assert!(other.has_to_wait(SHORT).await);
    assert_eq!((one.unavailable.get(), other.unavailable.get()), (2, 3));

    redis.start().await.unwrap();
    eventually("the calls of both, ended or not", || places(&redis) == 6).await;
    let third = Process::start(&redis, "3/60s", HOLD).await;
    assert!(third.has_to_wait(SHORT).await);
    assert_eq!(third.unavailable.get(), 0);
    drop(under_way);
    eventually("those that were not made", || places(&redis) == 3).await;
}

#[tokio::test]
async fn a_redis_that_does_not_answer_is_waited_for_once() {
    let (redis, [one]) = processes("100/60s", HOLD).await;
    redis.pause().unwrap();
    let started = Instant::now();
    for _ in 0..50 {
        one.call().await;
    }
    let took = started.elapsed();
    assert!((1.0..5.0).contains(&took.as_secs_f64()), "{took:?}");
    redis.go_on().unwrap();
    eventually("the calls that were made meanwhile", || places(&redis) == 50).await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_at_the_start_is_found_later() {
    let mut redis = RedisNode::private().await.unwrap();
    redis.kill();
    let process = Process::start(&redis, "2/60s", HOLD).await;
    process.call().await;
    redis.start().await.unwrap();
    eventually("the call", || places(&redis) == 1).await;
    process.call().await;
    process.permits.settled().await;
    assert_eq!((places(&redis), process.unavailable.get()), (2, 1));
}
