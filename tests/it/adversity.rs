//! Stories that try to break the promise.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_broker::{Cause, LinkState, Message, Publisher, PublisherOptions, Route};
use fanfare_delivery::{Attempt, Destination, Outcome, Reason, Trouble};
use fanfare_sandbox::broker::Permissions;
use fanfare_sandbox::mock::{Control, Fault, MockApi, Rule};
use fanfare_tests::{
    PATIENCE, RunningConsumer, World, eventually, registered, registered_many, within,
};
use tokio::time::{Instant, sleep, timeout};

/// The first calls keep places taken, the fourth finds the destination throttled.
#[derive(Clone)]
struct Throttled(&'static Calls);

#[derive(Default)]
struct Calls {
    count: AtomicUsize,
    begun: Mutex<Vec<Instant>>,
    held: Mutex<Option<Instant>>,
}

const QUIET: Duration = Duration::from_secs(4);

impl Destination for Throttled {
    fn handles(&self, _: &str) -> bool {
        true
    }

    async fn deliver(&self, _: &Attempt) -> Outcome {
        self.0.begun.lock().unwrap().push(Instant::now());
        match self.0.count.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => sleep(Duration::from_millis(300)).await,
            2 => sleep(Duration::from_millis(1500)).await,
            3 => {
                *self.0.held.lock().unwrap() = Some(Instant::now());
                return Outcome::Hold {
                    reason: Reason::new("slow down"),
                    trouble: Trouble::Throttled,
                    pause: Some(QUIET),
                };
            }
            _ => {}
        }
        Outcome::Delivered
    }
}

#[tokio::test]
async fn nobody_is_called_after_a_hold_began() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let producer = world.producer().await;
    for event in registered_many(30) {
        producer.publish(&event).await.unwrap();
    }
    let calls: &'static Calls = Box::leak(Box::default());
    let consumer = RunningConsumer::with(
        &world,
        "crm",
        Throttled(calls),
        &[("FANFARE_MAX_CONCURRENCY", "3"), ("FANFARE_PREFETCH", "20")],
    );
    world.until_drained("crm").await;
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    let held = calls.held.lock().unwrap().unwrap();
    let early: Vec<_> = calls
        .begun
        .lock()
        .unwrap()
        .iter()
        .filter(|at| **at > held && **at < held + QUIET)
        .map(|at| *at - held)
        .collect();
    assert!(early.is_empty(), "{} calls within {QUIET:?} of quiet: {early:?}", early.len());
}

#[tokio::test]
async fn a_second_copy_that_waits_for_the_first_keeps_its_retry_after() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    producer.publish(&registered(1)).await.unwrap();
    let api = MockApi::sink().await.unwrap();
    let mut slow = Fault::status(429).retry_after("4");
    slow.latency_ms = 1000;
    api.control(Control::script([slow])).unwrap();
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    api.wait_until("a delivery", PATIENCE, |api| api.totals().accepted >= 1).await.unwrap();
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    let log = api.log();
    let gap = log[1].arrived_ms - log[0].ended_ms.unwrap();
    assert!(gap >= 4000.0, "called again after {gap} ms instead of 4000");
}

#[tokio::test]
async fn a_publish_that_is_tried_again_under_an_alarm_arrives_once() {
    let world = World::with_own_node().await;
    world.declare(&["crm"]).await;
    let publisher = Publisher::start(
        world.config(),
        "successors",
        PublisherOptions { give_up_after: Duration::from_secs(1), ..PublisherOptions::default() },
    );
    let dead = Route::new(&world.names("crm").dead(), "").unwrap();
    world.node().memory_alarm(true).await.unwrap();
    publisher.publish(&dead, Message::new("nudge", "x").unwrap()).await.unwrap_err();
    let mut link = publisher.link();
    drop(within("blocked", link.wait_for(|now| *now == LinkState::Blocked)).await.unwrap());
    // As Successors::publish does, whose patience is 60 s a try.
    let letter = || Message::new("letter", "x").unwrap();
    let mut unconfirmed = 0;
    for _ in 0..5 {
        unconfirmed += usize::from(publisher.publish(&dead, letter()).await.is_err());
    }
    let last = tokio::spawn({
        let (publisher, dead) = (publisher.clone(), dead.clone());
        async move {
            loop {
                if publisher.publish(&dead, letter()).await.is_ok() {
                    break;
                }
            }
        }
    });
    world.node().memory_alarm(false).await.unwrap();
    within("the confirm", last).await.unwrap();
    publisher.close().await;
    let letters = world.read(&world.names("crm").dead()).await;
    let copies = letters.iter().filter(|letter| letter.id() == "letter").count();
    assert_eq!(copies, 1, "{unconfirmed} tries were answered unconfirmed");
    world.end().await;
}

#[tokio::test]
async fn a_retry_after_of_zero_is_no_invitation_to_hammer() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let producer = world.producer().await;
    producer.publish_all(registered_many(2000)).await;
    let api = MockApi::sink().await.unwrap();
    api.control(Control::all(Fault::status(429).retry_after("0"))).unwrap();
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    let span = |api: &MockApi| {
        let log = api.log();
        log.last().map_or(0.0, |last| last.arrived_ms - log[0].arrived_ms)
    };
    api.wait_until("calls over five seconds", PATIENCE, |api| span(api) >= 5000.0).await.unwrap();
    // The first ones were under way before the first answer came.
    let log = api.log();
    let first = log[0].arrived_ms;
    let calls =
        log.iter().filter(|call| (1000.0..5000.0).contains(&(call.arrived_ms - first))).count();
    consumer.stop().await;
    producer.close().await;
    world.end().await;
    assert!(calls <= 40, "{calls} calls in 4 s at an API that refuses every one");
}

#[tokio::test]
async fn one_foreign_message_with_large_headers_does_not_stop_the_others() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let options = PublisherOptions { headers_limit: 130 * 1024, ..PublisherOptions::default() };
    let publisher = Publisher::start(world.config(), "foreign", options);
    let route = Route::new(&world.namespace().events(), "t").unwrap();
    let message = Message::new("big", "x").unwrap().attribute("big", &"b".repeat(125_000));
    publisher.publish(&route, message).await.unwrap();
    let api = MockApi::sink().await.unwrap();
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    let producer = world.producer().await;
    let dead = world.names("crm").dead();
    world.until_ready(&dead, 1).await;
    producer.publish(&registered(1)).await.unwrap();
    api.wait_until("the good event", PATIENCE, |api| api.totals().accepted == 1).await.unwrap();
    let letter = world.read(&dead).await.remove(0);
    assert_eq!((letter.id(), letter.cause()), ("big", Some(Cause::Rejected)));
    consumer.stop().await;
    producer.close().await;
    publisher.close().await;
    world.end().await;
}

#[tokio::test]
async fn who_waits_for_a_reply_gets_it_although_the_consumer_is_told_to_stop() {
    use fanfare_broker::topology::{Argument, Binding, Queue, Topology, declare};
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let heard = Topology {
        exchanges: Vec::new(),
        queues: vec![Queue {
            name: "heard".into(),
            arguments: vec![("x-queue-type", Argument::Text("quorum".into()))],
        }],
        bindings: vec![Binding {
            source: world.namespace().replies(),
            target: "heard".into(),
            to_queue: true,
            key: "me".into(),
        }],
        outdated: Vec::new(),
    };
    declare(world.config(), &heard).await.unwrap();
    let api = MockApi::sink().await.unwrap();
    api.control(Control::latency(1500, 0)).unwrap();
    let consumer = RunningConsumer::start(&world, "crm", &api, &[]);
    let publisher = Publisher::start(world.config(), "asks", PublisherOptions::default());
    let asks = Message::new("2", registered(2).to_json())
        .and_then(|message| message.content_type("application/cloudevents+json"))
        .and_then(|message| message.reply("me", None))
        .unwrap();
    let route = Route::new(&world.namespace().events(), "user.registered").unwrap();
    publisher.publish(&route, asks).await.unwrap();
    api.wait_until("the call", PATIENCE, |api| !api.log().is_empty()).await.unwrap();
    consumer.stop().await;
    publisher.close().await;
    assert_eq!(world.ready(world.names("crm").queue()).await, 0);
    let told = timeout(Duration::from_secs(5), async {
        eventually("a reply", async || (world.ready("heard").await == 1).then_some(())).await;
    })
    .await;
    assert!(told.is_ok(), "delivered and acked, but its reply was never published");
    world.end().await;
}

#[tokio::test]
async fn reports_that_may_not_be_published_double_no_dead_letter() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let permissions = Permissions {
        configure: "^$",
        write: r"^(t\.crm\.delay\..*|t\.crm\.dead)$",
        read: r"^t\.crm$",
    };
    let url = world.user(permissions).await;
    let producer = world.producer().await;
    producer.publish_all(registered_many(1000)).await;
    let api = MockApi::sink().await.unwrap();
    let rules = [Rule::body_contains("user", Fault::status(422))];
    api.control(Control { latency_ms: 100, ..Control::rules(rules) }).unwrap();
    let variables = [
        ("FANFARE_AMQP_URL", url.as_str()),
        ("FANFARE_TOPOLOGY", "verify"),
        ("FANFARE_MAX_CONCURRENCY", "200"),
    ];
    let consumer = RunningConsumer::start(&world, "crm", &api, &variables);
    let dead = world.names("crm").dead();
    eventually("a thousand letters", async || (world.ready(&dead).await >= 1000).then_some(()))
        .await;
    world.until_drained("crm").await;
    consumer.stop().await;
    producer.close().await;
    let mut copies = BTreeMap::<String, usize>::new();
    for letter in world.read(&dead).await {
        *copies.entry(letter.id().to_owned()).or_default() += 1;
    }
    let doubled = copies.values().filter(|count| **count > 1).count();
    let calls = api.log().len();
    world.end().await;
    assert_eq!((copies.len(), doubled), (1000, 0), "{calls} calls");
}

struct Forever;

impl Destination for Forever {
    fn handles(&self, _: &str) -> bool {
        true
    }

    async fn deliver(&self, _: &Attempt) -> Outcome {
        Outcome::Hold {
            reason: Reason::new("come back never"),
            trouble: Trouble::Throttled,
            pause: Some(Duration::MAX),
        }
    }
}

#[tokio::test]
async fn a_hold_of_any_length_ends_no_process() {
    let world = World::start().await;
    world.declare(&["crm"]).await;
    let producer = world.producer().await;
    producer.publish(&registered(1)).await.unwrap();
    let consumer = RunningConsumer::with(&world, "crm", Forever, &[]);
    let held = timeout(Duration::from_secs(10), world.until_held("crm")).await;
    consumer.stop().await;
    held.unwrap();
    world.end().await;
}
