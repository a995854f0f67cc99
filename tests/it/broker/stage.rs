//! What the stories stand on: objects declared by hand, messages, publishers, subscriptions.

use std::collections::BTreeSet;

use fanfare_broker::topology::{
    Argument, Binding, Exchange, ExchangeKind, Queue, Topology, declare,
};
use fanfare_broker::{
    BrokerConfig, ConsumeState, Delivery, GivingBack, Message, Publisher, PublisherOptions,
    Received, Route, Subscription, SubscriptionOptions,
};
use fanfare_tests::{World, within};
use futures_util::future::join_all;

/// Objects to declare by hand.
pub(super) fn objects() -> Topology {
    Topology {
        exchanges: Vec::new(),
        queues: Vec::new(),
        bindings: Vec::new(),
        outdated: Vec::new(),
    }
}

pub(super) fn exchange(name: &str, kind: ExchangeKind) -> Exchange {
    Exchange { name: name.to_owned(), kind, internal: false, alternate: None }
}

/// A quorum queue without any further argument.
pub(super) fn queue(name: &str) -> Queue {
    let kind = ("x-queue-type", Argument::Text("quorum".to_owned()));
    Queue { name: name.to_owned(), arguments: vec![kind] }
}

/// A queue that takes nothing. Only classic queues are exact about their length.
pub(super) fn full_queue(name: &str) -> Queue {
    let arguments = vec![
        ("x-queue-type", Argument::Text("classic".to_owned())),
        ("x-max-length", Argument::Number(0)),
        ("x-overflow", Argument::Text("reject-publish".to_owned())),
    ];
    Queue { name: name.to_owned(), arguments }
}

pub(super) fn to_queue(source: &str, target: &str, key: &str) -> Binding {
    Binding {
        source: source.to_owned(),
        target: target.to_owned(),
        to_queue: true,
        key: key.to_owned(),
    }
}

/// A direct exchange `x`, and queues that are bound to it by their own name.
pub(super) async fn declare_queues(world: &World, names: &[&str]) {
    let topology = Topology {
        exchanges: vec![exchange("x", ExchangeKind::Direct)],
        queues: names.iter().map(|name| queue(name)).collect(),
        bindings: names.iter().map(|name| to_queue("x", name, name)).collect(),
        ..objects()
    };
    declare(world.config(), &topology).await.unwrap();
}

/// Message `number`, always the same one.
pub(super) fn message(number: usize) -> Message {
    Message::new(&id(number), format!("body of {number}")).unwrap()
}

pub(super) fn id(number: usize) -> String {
    format!("message-{number}")
}

pub(super) fn ids(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(id).collect()
}

pub(super) fn ids_of(messages: &[Received]) -> Vec<String> {
    messages.iter().map(|message| message.id().to_owned()).collect()
}

pub(super) fn route(exchange: &str, key: &str) -> Route {
    Route::new(exchange, key).unwrap()
}

pub(super) fn publisher(config: &BrokerConfig) -> Publisher {
    Publisher::start(config, "fanfare tests publish", PublisherOptions::default())
}

/// Publishes messages `numbers` to `queue`, all at once; they arrive in this order.
pub(super) async fn fill(world: &World, queue: &str, numbers: impl IntoIterator<Item = usize>) {
    let publisher = publisher(world.config());
    let way = route("x", queue);
    let published =
        join_all(numbers.into_iter().map(|number| publisher.publish(&way, message(number)))).await;
    assert!(published.into_iter().all(|verdict| verdict.unwrap().routed));
    publisher.close().await;
}

pub(super) fn subscription(config: &BrokerConfig, queue: &str, prefetch: u16) -> Subscription {
    let options =
        SubscriptionOptions { queue: queue.to_owned(), prefetch, giving_back: GivingBack::AtOnce };
    Subscription::start(config, "fanfare tests consume", options)
}

pub(super) async fn next(subscription: &mut Subscription) -> Delivery {
    within("a delivery", subscription.next()).await.expect("the subscription is open")
}

/// Takes `count` deliveries.
pub(super) async fn take(subscription: &mut Subscription, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count {
        taken.push(next(subscription).await);
    }
    taken
}

/// Waits until the subscription stands as `state` says.
pub(super) async fn until(subscription: &Subscription, state: ConsumeState) {
    until_state(subscription, &format!("{state:?}"), |now| *now == state).await;
}

pub(super) async fn until_refused(subscription: &Subscription, because: &str) {
    until_state(
        subscription,
        &format!("a refusal with {because}"),
        |now| matches!(now, ConsumeState::Refused(words) if words.contains(because)),
    )
    .await;
}

async fn until_state(
    subscription: &Subscription,
    what: &str,
    fact: impl FnMut(&ConsumeState) -> bool,
) {
    let mut state = subscription.state();
    drop(within(what, state.wait_for(fact)).await.expect("the subscription is open"));
}

/// Proves that `queue` is empty and that nobody holds anything of it: whatever was given
/// back stands before a message that is published now.
pub(super) async fn assert_nothing_left(world: &World, queue: &str) {
    const MARKER: usize = usize::MAX;
    fill(world, queue, [MARKER]).await;
    let mut subscription = subscription(world.config(), queue, 1);
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.message().id(), id(MARKER), "{queue} was not empty");
    delivery.ack();
    subscription.close().await;
}
