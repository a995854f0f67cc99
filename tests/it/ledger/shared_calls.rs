//! Events that share a call: what their claims hold up, and what not.

use std::sync::Arc;
use std::time::Duration;

use fanfare_delivery::{Attempt, Batched, Batching, Destination, Outcome, Reason};
use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::redis::RedisNode;
use fanfare_tests::{RunningConsumer, World, eventually, registered, registered_many, within};
use tokio::sync::{Semaphore, mpsc};

const DESTINATION: &str = "crm";

/// Takes up to two events a call, tells about each call, and answers when it is let.
struct Pairs {
    calls: mpsc::UnboundedSender<Vec<String>>,
    answers: Arc<Semaphore>,
    /// Refuses what it is given as a whole, as long as it is more than one.
    refuses: bool,
}

impl Destination for Pairs {
    fn handles(&self, _: &str) -> bool {
        true
    }

    fn batching(&self) -> Option<Batching> {
        let most = std::num::NonZeroUsize::new(2).unwrap();
        // All of them are there within this time, and a single one is not kept for long.
        Some(Batching { most, wait: Duration::from_millis(500) })
    }

    async fn deliver(&self, attempt: &Attempt) -> Outcome {
        self.answer(std::slice::from_ref(attempt)).await;
        Outcome::Delivered
    }

    async fn deliver_batch(&self, attempts: &[Attempt]) -> Batched {
        self.answer(attempts).await;
        match self.refuses && attempts.len() > 1 {
            true => Batched::Refused { reason: Reason::new("too many for me") },
            false => Batched::All(Outcome::Delivered),
        }
    }
}

impl Pairs {
    async fn answer(&self, attempts: &[Attempt]) {
        let ids = attempts.iter().map(|attempt| attempt.event().id().to_string()).collect();
        self.calls.send(ids).unwrap();
        self.answers.acquire().await.unwrap().forget();
    }
}

fn ids(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.id().to_string()).collect()
}

#[tokio::test]
async fn a_call_does_not_wait_for_one_of_its_events_that_another_call_has() {
    let world = World::start().await;
    world.declare(&[DESTINATION]).await;
    let (calls, mut called) = mpsc::unbounded_channel();
    let answers = Arc::new(Semaphore::new(0));
    let destination = Pairs { calls, answers: Arc::clone(&answers), refuses: false };
    let consumer = RunningConsumer::with(&world, DESTINATION, destination, &[]);
    world.publish(&[registered(1)]).await;
    assert_eq!(within("the first call", called.recv()).await.unwrap(), ids(&[registered(1)]));
    // A copy of what is under way, and another: they are gathered for one call.
    world.publish(&registered_many(2)).await;
    assert_eq!(within("the second call", called.recv()).await.unwrap(), ids(&[registered(2)]));
    answers.add_permits(2);
    world.until_drained(DESTINATION).await;
    consumer.stop().await;
    assert_eq!(called.recv().await, None, "the copy is not called for");
    world.end().await;
}

#[tokio::test]
async fn halves_of_a_call_that_was_refused_claim_nothing_while_they_wait_for_their_permits() {
    let world = World::start().await;
    let redis = RedisNode::private().await.unwrap();
    world.declare(&[DESTINATION]).await;
    let (calls, mut called) = mpsc::unbounded_channel();
    let answers = Arc::new(Semaphore::new(0));
    let destination = Pairs { calls, answers: Arc::clone(&answers), refuses: true };
    let settings = [("FANFARE_LEDGER", redis.url()), ("FANFARE_RATE_LIMIT", "1/2s")];
    let consumer = RunningConsumer::with(&world, DESTINATION, destination, &settings);
    let events = registered_many(2);
    world.publish(&events).await;
    assert_eq!(within("a call for both", called.recv()).await.unwrap(), ids(&events));
    let entries = || {
        let keys = events.iter().map(|it| IdempotencyKey::of(it, &DESTINATION.parse().unwrap()));
        let entry = |key| redis.ask(&["GET", &format!("t:ledger:{DESTINATION}:{key}")]).unwrap();
        keys.map(entry).collect::<Vec<_>>()
    };
    assert!(entries().iter().all(|entry| !entry.is_empty()), "{:?}", entries());
    answers.add_permits(3);
    eventually("nothing to be claimed", async || {
        entries().iter().all(String::is_empty).then_some(())
    })
    .await;
    for event in &events {
        let half = within("a call for one", called.recv()).await.unwrap();
        assert_eq!(half, ids(std::slice::from_ref(event)));
    }
    eventually("both to be delivered", async || {
        entries().iter().all(|entry| entry == "delivered").then_some(())
    })
    .await;
    consumer.stop().await;
    world.end().await;
}
