//! What a publisher says about a message is true, and is said about that message.

use std::collections::BTreeSet;

use fanfare_broker::topology::{ExchangeKind, Topology, declare};
use fanfare_broker::{BrokerConfig, PublishError, Publisher, PublisherOptions};
use fanfare_events::{Event, EventId, InvalidEvent};
use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::broker::Permissions;
use fanfare_tests::World;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};

use super::stage::{
    declare_queues, exchange, full_queue, id, ids, ids_of, message, objects, publisher, queue,
    route, to_queue,
};

const TASKS: usize = 8;
const PUBLISHES: usize = 20_000;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// A queue takes it.
    Stored,
    /// Its queue is full.
    Nacked,
    /// No queue is bound for it.
    Returned,
    /// It is too large to be put on the wire.
    Oversized,
}

impl Fate {
    /// Fates in an order without a pattern.
    fn of(number: usize, oversized_in_thousand: usize) -> Self {
        let drawn = number.wrapping_mul(2_654_435_761) >> 9;
        match (drawn % 1000, drawn / 1000 % 10) {
            (rare, _) if rare < oversized_in_thousand => Self::Oversized,
            (_, 0..=4) => Self::Stored,
            (_, 5 | 6) => Self::Nacked,
            _ => Self::Returned,
        }
    }

    fn event_type(self) -> &'static str {
        match self {
            Self::Stored | Self::Oversized => "test.stored",
            Self::Nacked => "test.nacked",
            Self::Returned => "test.returned",
        }
    }
}

/// `t.events` as no installation has it: direct, with a full queue and no alternate exchange.
async fn declare_fates(world: &World) {
    let events = world.namespace().events();
    let topology = Topology {
        exchanges: vec![exchange(&events, ExchangeKind::Direct)],
        queues: vec![queue("stored"), full_queue("full")],
        bindings: vec![
            to_queue(&events, "stored", Fate::Stored.event_type()),
            to_queue(&events, "full", Fate::Nacked.event_type()),
        ],
        ..objects()
    };
    declare(world.config(), &topology).await.unwrap();
}

/// Every message has met its own fate, and the broker has what it confirmed.
async fn check(world: &World, told: Vec<(usize, Fate)>, oversized_in_thousand: usize) {
    assert_eq!(told.len(), PUBLISHES);
    for (number, fate) in &told {
        assert_eq!(*fate, Fate::of(*number, oversized_in_thousand), "message {number}");
    }
    for fate in [Fate::Stored, Fate::Nacked, Fate::Returned, Fate::Oversized] {
        assert!(told.iter().any(|(_, told)| *told == fate), "{fate:?} never happened");
    }
    let stored: Vec<_> = told.iter().filter(|(_, fate)| *fate == Fate::Stored).collect();
    let found = ids_of(&world.read("stored").await);
    assert_eq!(found.len(), stored.len(), "nothing was published twice");
    assert_eq!(
        found.into_iter().collect::<BTreeSet<_>>(),
        ids(stored.into_iter().map(|(number, _)| *number))
    );
    assert_eq!(world.ready("full").await, 0);
}

/// Runs `TASKS` tasks, each with its share of the numbers, and gathers what they were told.
async fn in_tasks<T>(publish_share: impl Fn(Vec<usize>) -> T) -> Vec<(usize, Fate)>
where
    T: Future<Output = Vec<(usize, Fate)>> + Send + 'static,
{
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(publish_share((task..PUBLISHES).step_by(TASKS).collect())))
        .collect();
    let told = join_all(tasks).await;
    told.into_iter().flat_map(|told| told.expect("no task panics")).collect()
}

const RARELY_OVERSIZED: usize = 2;

fn event(number: usize) -> Result<Event, InvalidEvent> {
    let fate = Fate::of(number, RARELY_OVERSIZED);
    let padding = if fate == Fate::Oversized { 1024 * 1024 } else { number % 200 };
    Event::builder(fate.event_type(), "/tests/verdicts")
        .id(EventId::new(&id(number)).unwrap())
        .data(&"x".repeat(padding))
        .build()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_tasks_share_a_producer_and_every_verdict_belongs_to_its_own_event() {
    let world = World::start().await;
    declare_fates(&world).await;
    let config = ProducerConfig::with_broker(world.config().clone(), "t").unwrap();
    let producer = Producer::start(config.without_declaring());

    let told = in_tasks(|numbers| {
        let producer = producer.clone();
        async move {
            let (mut told, mut sent, mut events) = (Vec::new(), Vec::new(), Vec::new());
            for number in numbers {
                match event(number) {
                    Ok(event) => {
                        sent.push(number);
                        events.push(event);
                    }
                    Err(InvalidEvent::TooLarge { .. }) => told.push((number, Fate::Oversized)),
                    Err(other) => panic!("event {number}: {other}"),
                }
            }
            let answers = producer.publish_all(events).await;
            told.extend(
                sent.into_iter()
                    .zip(answers)
                    .map(|(number, answer)| (number, fate_told_by_producer(&id(number), answer))),
            );
            told
        }
    })
    .await;

    producer.close().await;
    check(&world, told, RARELY_OVERSIZED).await;
    world.end().await;
}

fn fate_told_by_producer(
    own: &str,
    answer: Result<fanfare_producer::Receipt, fanfare_producer::PublishError>,
) -> Fate {
    match answer {
        Ok(receipt) => {
            assert_eq!(receipt.id.as_str(), own);
            if receipt.routed { Fate::Stored } else { Fate::Returned }
        }
        Err(fanfare_producer::PublishError::Broker(PublishError::Nacked { id })) => {
            assert_eq!(id, own);
            Fate::Nacked
        }
        Err(other) => panic!("{own}: {other}"),
    }
}

const OFTEN_OVERSIZED: usize = 100;
const BODY_LIMIT: usize = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_tasks_share_a_publisher_and_every_verdict_belongs_to_its_own_message() {
    let world = World::start().await;
    declare_fates(&world).await;
    let options = PublisherOptions { body_limit: BODY_LIMIT, ..PublisherOptions::default() };
    let publisher = Publisher::start(world.config(), "fanfare tests", options);
    let events = world.namespace().events();

    let told = in_tasks(|numbers| {
        let (publisher, events) = (publisher.clone(), events.clone());
        async move {
            stream::iter(numbers)
                .map(async |number| (number, publish(&publisher, &events, number).await))
                .buffer_unordered(300)
                .collect()
                .await
        }
    })
    .await;

    publisher.close().await;
    check(&world, told, OFTEN_OVERSIZED).await;
    world.end().await;
}

async fn publish(publisher: &Publisher, exchange: &str, number: usize) -> Fate {
    let fate = Fate::of(number, OFTEN_OVERSIZED);
    let size = if fate == Fate::Oversized { BODY_LIMIT + 1 } else { number % (BODY_LIMIT + 1) };
    let message = fanfare_broker::Message::new(&id(number), "x".repeat(size)).unwrap();
    match publisher.publish(&route(exchange, fate.event_type()), message).await {
        Ok(confirmed) if confirmed.routed => Fate::Stored,
        Ok(_) => Fate::Returned,
        Err(PublishError::Nacked { id: told }) => {
            assert_eq!(told, id(number));
            Fate::Nacked
        }
        Err(PublishError::BodyTooLarge { len, limit: BODY_LIMIT }) if len == size => {
            Fate::Oversized
        }
        Err(other) => panic!("message {number}: {other}"),
    }
}

/// Publishes 300 messages at once, every hundredth to `bad`, and checks that the broker
/// refuses these, with `code`, and no other.
async fn only_the_guilty_are_refused(
    world: &World,
    config: &BrokerConfig,
    bad: &str,
    is_why: fn(&fanfare_broker::Fault) -> bool,
) {
    let publisher = publisher(config);
    let (good, bad) = (route("x", "q"), route(bad, "q"));
    let guilty = |number: &usize| number.is_multiple_of(100);
    let verdicts = join_all((1..=300).map(async |number| {
        let way = if guilty(&number) { &bad } else { &good };
        (number, publisher.publish(way, message(number)).await)
    }))
    .await;
    for (number, verdict) in verdicts {
        match verdict {
            Ok(confirmed) => assert!(confirmed.routed && !guilty(&number), "message {number}"),
            Err(PublishError::Refused { id: told, source }) => {
                assert!(guilty(&number) && is_why(&source), "message {number}: {source}");
                assert_eq!(told, id(number));
            }
            Err(other) => panic!("message {number}: {other}"),
        }
    }
    // The channel was closed under the innocent, so some may have been published twice.
    let found: BTreeSet<_> = ids_of(&world.read("q").await).into_iter().collect();
    assert_eq!(found, ids((1..=300).filter(|number| !guilty(number))));
    // And the publisher is as good as new.
    assert!(publisher.publish(&good, message(301)).await.unwrap().routed);
    publisher.close().await;
}

#[tokio::test]
async fn a_message_for_an_exchange_that_is_missing_is_refused_alone() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let config = world.config().clone();
    only_the_guilty_are_refused(&world, &config, "missing", |fault| fault.is_not_found()).await;
    world.end().await;
}

#[tokio::test]
async fn a_message_that_may_not_be_published_is_refused_alone() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let rights = Permissions { configure: "^$", write: "^x$", read: "^$" };
    let url = world.user(rights).await;
    let config = BrokerConfig::from_urls(&url, false).unwrap();
    only_the_guilty_are_refused(&world, &config, "amq.fanout", |fault| fault.is_access_refused())
        .await;
    world.end().await;
}
