//! The ledger against a real Redis, and what is left of it without one.

use std::sync::Arc;
use std::time::Instant;

use fanfare_events::{DestinationName, EventId};
use fanfare_sandbox::redis::RedisNode;
use prometheus_client::metrics::counter::Counter;
use tokio::time::{sleep, timeout};

use super::*;
use crate::shared::tests::address;

const LEASE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What one process has: a ledger of its own that shares a Redis with the others'.
struct Process {
    ledger: Ledger,
    unavailable: Counter,
}

impl Process {
    async fn start(redis: &RedisNode, lease: Duration, down: LedgerDown) -> Self {
        let address = address(redis.url(), None);
        let unavailable = Counter::default();
        let options = SharedOptions { lease, down, unavailable: unavailable.clone() };
        let shared = SharedLedger::connect(&address, "t", &destination(), options).await.unwrap();
        Self { ledger: Ledger::Shared(shared), unavailable }
    }

    /// Asks again while another process has it.
    async fn claim(&self, number: usize) -> Claim<'_> {
        let claim = async {
            loop {
                match self.ledger.claim(key(number), IfTaken::Wait).await {
                    Claim::Elsewhere(left) => sleep(left.min(LOOK_EVERY)).await,
                    answer => return answer,
                }
            }
        };
        timeout(PATIENCE, claim).await.expect("a claim is answered")
    }

    async fn claimed(&self, number: usize) -> Claimed<'_> {
        match self.claim(number).await {
            Claim::Ours(claimed) => claimed,
            other => panic!("{number} is not ours: {other:?}"),
        }
    }

    async fn knows(&self, number: usize) -> bool {
        match self.claim(number).await {
            Claim::Delivered => true,
            Claim::Ours(claimed) => {
                claimed.unused().await;
                false
            }
            other => panic!("{number} is neither ours nor delivered: {other:?}"),
        }
    }
}

async fn two_processes(lease: Duration) -> (RedisNode, Process, Process) {
    let redis = RedisNode::private().await.unwrap();
    let one = Process::start(&redis, lease, LedgerDown::Deliver).await;
    let other = Process::start(&redis, lease, LedgerDown::Deliver).await;
    (redis, one, other)
}

fn destination() -> DestinationName {
    "api".parse().unwrap()
}

fn key(number: usize) -> IdempotencyKey {
    let id = EventId::from_key("/t", &number.to_string());
    IdempotencyKey::from_parts("/t", &id, &destination())
}

fn entry(redis: &RedisNode, number: usize) -> String {
    redis.ask(&["GET", &format!("t:ledger:api:{}", key(number))]).unwrap()
}

async fn eventually(what: &str, mut fact: impl AsyncFnMut() -> bool) {
    let asked = async {
        while !fact().await {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("waited for {what}"));
}

#[tokio::test]
async fn of_many_claims_on_a_key_one_is_ours_and_the_others_learn_that_it_was_delivered() {
    let (_redis, one, other) = two_processes(LEASE).await;
    let processes = [Arc::new(one), Arc::new(other)];
    let mut claims = tokio::task::JoinSet::new();
    for claimer in 0..10 {
        let process = Arc::clone(&processes[claimer % 2]);
        claims.spawn(async move {
            match process.claim(1).await {
                Claim::Ours(claimed) => {
                    sleep(SHORT).await;
                    claimed.delivered().await;
                    1
                }
                Claim::Delivered => 0,
                other => panic!("neither ours nor delivered: {other:?}"),
            }
        });
    }
    assert_eq!(claims.join_all().await.iter().sum::<i32>(), 1);
}

#[tokio::test]
async fn what_is_released_goes_to_who_asks_and_what_was_not_used_is_as_it_was() {
    let (redis, one, other) = two_processes(LEASE).await;
    let first = one.claimed(1).await;
    let (second, ()) = tokio::join!(other.claimed(1), async {
        sleep(SHORT).await;
        first.release().await;
    });
    assert!(!second.abandoned);
    second.unused().await;
    assert_eq!(entry(&redis, 1), "");

    // Dropped: nobody knows whether it was called.
    drop(one.claimed(2).await);
    let second = other.claimed(2).await;
    assert!(second.abandoned);
    second.unused().await;
    let third = one.claimed(2).await;
    assert!(third.abandoned, "whoever did not use it did not find out either");
    third.release().await;
    assert!(!other.claimed(2).await.abandoned);
}

#[tokio::test]
async fn nobody_waits_for_another_process_but_is_told_how_long_it_may_take() {
    let (redis, one, other) = two_processes(LEASE).await;
    let first = one.claimed(1).await;
    let before = entry(&redis, 1);
    for if_taken in [IfTaken::Wait, IfTaken::Leave] {
        match other.ledger.claim(key(1), if_taken).await {
            Claim::Elsewhere(left) => assert!(left > SHORT && left <= LEASE, "{left:?}"),
            answer => panic!("it is the other's: {answer:?}"),
        }
    }
    other.ledger.close().await;
    assert_eq!(entry(&redis, 1), before);
    first.release().await;
    assert!(matches!(other.ledger.claim(key(1), IfTaken::Leave).await, Claim::Ours(_)));
}

#[tokio::test]
async fn a_claim_whose_process_died_is_free_after_its_lease_and_known_to_be_abandoned() {
    let (redis, one, other) = two_processes(SHORT).await;
    let started = Instant::now();
    std::mem::forget(one.claimed(1).await);
    let second = other.claimed(1).await;
    assert!(second.abandoned);
    assert!(started.elapsed() >= SHORT, "{:?}", started.elapsed());
    second.delivered().await;
    assert_eq!(entry(&redis, 1), "delivered");
    let lives = redis.ask(&["PTTL", &format!("t:ledger:api:{}", key(1))]).unwrap();
    let lives: u64 = lives.parse().unwrap();
    assert!((86_000_000..=86_400_000).contains(&lives), "{lives} ms");
}

#[tokio::test]
async fn a_holder_that_was_paused_ends_no_claim_but_its_own() {
    let (redis, one, other) = two_processes(SHORT).await;
    for end in ["release", "unused", "drop"] {
        let paused = one.claimed(1).await;
        let newer = other.claimed(1).await;
        let before = entry(&redis, 1);
        match end {
            "release" => paused.release().await,
            "unused" => paused.unused().await,
            _ => drop(paused),
        }
        one.ledger.close().await;
        assert_eq!(entry(&redis, 1), before, "{end}");
        newer.release().await;
        assert_eq!(entry(&redis, 1), "");
    }
}

#[tokio::test]
async fn that_an_event_was_delivered_is_true_whoever_says_it_and_however_late() {
    let (redis, one, other) = two_processes(SHORT).await;
    let paused = one.claimed(1).await;
    let newer = other.claimed(1).await;
    paused.delivered().await;
    assert_eq!(entry(&redis, 1), "delivered");
    newer.release().await;
    assert_eq!(entry(&redis, 1), "delivered", "who failed later changes nothing");
    let third = Process::start(&redis, LEASE, LedgerDown::Deliver).await;
    assert!(third.knows(1).await && other.knows(1).await && one.knows(1).await);
}

#[tokio::test]
async fn while_the_ledger_is_away_a_process_delivers_by_what_it_knows_and_tells_it_later() {
    let (mut redis, one, other) = two_processes(LEASE).await;
    one.claimed(1).await.delivered().await;
    let before = one.claimed(2).await;
    redis.kill();

    before.delivered().await;
    one.claimed(3).await.delivered().await;
    assert!(one.knows(1).await && one.knows(2).await && one.knows(3).await);
    assert!(!other.knows(2).await && !other.knows(3).await, "it cannot know");
    // Only the first has to find out that nobody answers.
    let started = Instant::now();
    for number in 100..1100 {
        one.claimed(number).await.release().await;
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(one.unavailable.get(), 1001, "3, and the thousand");

    redis.start().await.unwrap();
    // In whatever order: each is told again until it has arrived.
    for number in [3, 2] {
        eventually("the ledger to be told", async || entry(&redis, number) == "delivered").await;
    }
    assert_eq!(entry(&redis, 1), "delivered", "it had that on its disk");
    eventually("the other to be back", async || other.knows(3).await).await;
    assert!(other.knows(2).await && other.knows(1).await);
}

#[tokio::test]
async fn a_ledger_that_does_not_answer_is_waited_for_once_and_not_by_everybody() {
    let (redis, one, _) = two_processes(LEASE).await;
    redis.pause().unwrap();
    let started = Instant::now();
    for number in 0..100 {
        one.claimed(number).await.delivered().await;
    }
    let took = started.elapsed();
    assert!((1.0..10.0).contains(&took.as_secs_f64()), "{took:?}");
    redis.go_on().unwrap();
    for number in [99, 0] {
        eventually("the ledger to be told", async || entry(&redis, number) == "delivered").await;
    }
}

#[tokio::test]
async fn who_is_to_hold_claims_nothing_until_the_ledger_is_back() {
    let mut redis = RedisNode::private().await.unwrap();
    let process = Process::start(&redis, LEASE, LedgerDown::Hold).await;
    process.claimed(1).await.delivered().await;
    redis.kill();
    assert!(matches!(process.claim(2).await, Claim::Unavailable(_)));
    assert!(matches!(process.claim(1).await, Claim::Delivered), "it knows that itself");
    redis.start().await.unwrap();
    eventually("the ledger to be back", async || matches!(process.claim(2).await, Claim::Ours(_)))
        .await;
}

#[tokio::test]
async fn a_ledger_that_is_not_there_at_the_start_is_found_later() {
    let mut redis = RedisNode::private().await.unwrap();
    redis.kill();
    let process = Process::start(&redis, LEASE, LedgerDown::Deliver).await;
    process.claimed(1).await.delivered().await;
    redis.start().await.unwrap();
    eventually("the ledger to be told", async || entry(&redis, 1) == "delivered").await;
}

#[tokio::test]
async fn closing_tells_what_nobody_waited_for() {
    let (redis, one, _) = two_processes(LEASE).await;
    drop(one.claimed(1).await);
    one.ledger.close().await;
    assert!(entry(&redis, 1).ends_with(" 0"), "{}", entry(&redis, 1));
}
