//! The way to the broker is lost, falls silent, or leads somewhere else; nothing else is.

use std::collections::BTreeSet;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use fanfare_broker::{
    BrokerConfig, Confirmed, ConsumeState, Delivery, Inspector, LinkState, PublishError, Publisher,
    PublisherOptions,
};
use fanfare_sandbox::proxy::{self, Direction, Faults};
use fanfare_tests::{PATIENCE, World, within};
use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::stage::{
    assert_nothing_left, declare_queues, fill, id, ids, ids_of, message, next, route, subscription,
    take, until,
};

const MESSAGES: usize = 300;

type Verdicts = JoinHandle<Vec<Result<Confirmed, PublishError>>>;

/// Publishes messages `0..MESSAGES` to `q`, all at once.
fn publish_all(publisher: &Publisher) -> Verdicts {
    let publisher = publisher.clone();
    tokio::spawn(async move {
        let way = route("x", "q");
        join_all((0..MESSAGES).map(|number| publisher.publish(&way, message(number)))).await
    })
}

async fn until_link(publisher: &Publisher, state: LinkState) {
    let mut link = publisher.link();
    let what = format!("the link to be {state:?}");
    drop(within(&what, link.wait_for(|now| *now == state)).await.expect("the publisher lives"));
}

/// Every message is confirmed and there, and some came twice: they were published again.
async fn assert_published_again(world: &World, verdicts: Verdicts) {
    let verdicts = within("all verdicts", verdicts).await.unwrap();
    for (number, verdict) in verdicts.into_iter().enumerate() {
        assert!(verdict.unwrap_or_else(|error| panic!("message {number}: {error}")).routed);
    }
    let found = ids_of(&world.read("q").await);
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), ids(0..MESSAGES));
    assert!(found.len() > MESSAGES, "nothing was published again");
}

#[tokio::test]
async fn what_is_unconfirmed_when_the_connection_is_cut_is_published_again() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let proxy = world.proxy().await;
    let through = world.config_through(proxy.address());
    let publisher = Publisher::start(&through, "fanfare tests", PublisherOptions::default());
    until_link(&publisher, LinkState::Up).await;

    proxy.set(Faults::withhold(Direction::Replies));
    let verdicts = publish_all(&publisher);
    world.until_ready("q", MESSAGES as u64).await;
    assert!(!verdicts.is_finished(), "no confirm has passed");
    proxy.reset_connections();
    proxy.heal().await.unwrap();

    assert_published_again(&world, verdicts).await;
    assert!(proxy.counts().withheld > 0 && proxy.counts().resets > 0, "{:?}", proxy.counts());
    publisher.close().await;
    world.end().await;
}

#[tokio::test]
async fn what_is_not_confirmed_in_time_is_published_again_on_a_new_connection() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let proxy = world.proxy().await;
    let through = world.config_through(proxy.address());
    let options = PublisherOptions {
        confirm_deadline: Duration::from_secs(2),
        ..PublisherOptions::default()
    };
    let publisher = Publisher::start(&through, "fanfare tests", options);
    until_link(&publisher, LinkState::Up).await;

    proxy.set(Faults::withhold(Direction::Replies));
    let verdicts = publish_all(&publisher);
    world.until_ready("q", MESSAGES as u64).await;
    let another = "another connection";
    proxy.wait_until(another, PATIENCE, |counts| counts.connections == 2).await.unwrap();
    assert!(!verdicts.is_finished(), "no confirm has passed");
    proxy.heal().await.unwrap();

    assert_published_again(&world, verdicts).await;
    assert!(proxy.counts().withheld > 0, "{:?}", proxy.counts());
    publisher.close().await;
    world.end().await;
}

#[tokio::test]
async fn deliveries_from_before_a_cut_are_stale_and_come_again() {
    const DELIVERIES: usize = 50;
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", 0..DELIVERIES).await;
    let proxy = world.proxy().await;
    let mut subscription =
        subscription(&world.config_through(proxy.address()), "q", DELIVERIES as u16);
    let held = take(&mut subscription, 3).await;
    world.until_ready("q", 0).await;
    proxy.reset_connections();
    within("the cut to be noticed", async {
        let mut state = subscription.state();
        drop(state.wait_for(|now| *now == ConsumeState::Down).await.unwrap());
    })
    .await;
    assert!(held.iter().all(Delivery::is_stale));
    // Settling what the broker has taken back is harmless.
    for (number, delivery) in held.into_iter().enumerate() {
        if number == 0 { delivery.requeue() } else { drop(delivery.ack()) }
    }

    let again = take(&mut subscription, DELIVERIES).await;
    let came: Vec<_> = again.iter().map(|d| d.message().id().to_owned()).collect();
    assert_eq!(came.into_iter().collect::<BTreeSet<_>>(), ids(0..DELIVERIES));
    for delivery in again {
        assert!(!delivery.is_stale() && delivery.message().redelivered());
        delivery.ack();
    }
    subscription.close().await;
    assert_eq!(proxy.counts().resets, 1);
    assert_nothing_left(&world, "q").await;
    world.end().await;
}

#[tokio::test]
async fn closing_does_not_wait_for_a_network_that_is_dead() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", [1]).await;
    let proxy = world.proxy().await;
    let mut subscription = subscription(&world.config_through(proxy.address()), "q", 1);
    next(&mut subscription).await.ack();
    until(&subscription, ConsumeState::Consuming).await;
    proxy.set(Faults::blackhole());
    // Far less than the two missed heartbeats that it takes to notice.
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, subscription.close()).await.expect("the end of the subscription");
    world.end().await;
}

#[tokio::test]
async fn a_broker_that_says_nothing_while_it_is_dialled_is_passed_over_and_hung_up_on() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", [1]).await;
    let silent = world.proxy().await;
    silent.set(Faults::blackhole());
    let urls = format!("{},{}", at(&world, silent.address()), world.url());
    let config = BrokerConfig::from_urls(&urls, false).unwrap();

    let inspector = within("the second address", Inspector::connect(&config)).await.unwrap();
    assert_eq!(inspector.depth("q").await.unwrap().unwrap().ready, 1);
    inspector.close().await;
    assert!(silent.counts().withheld > 0, "{:?}", silent.counts());

    // Whoever hung up does not come back when the broker can be heard again.
    silent.heal().await.unwrap();
    silent.wait_until("the socket to close", PATIENCE, |counts| counts.open == 0).await.unwrap();
    assert_eq!(silent.counts().connections, 1);
    world.end().await;
}

#[tokio::test]
async fn a_dead_first_address_is_passed_over_for_the_second() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let refusing = world.proxy().await;
    refusing.refuse().await.unwrap();
    let urls = format!("{},{}", at(&world, refusing.address()), world.url());
    let config = BrokerConfig::from_urls(&urls, false).unwrap();

    let publisher = Publisher::start(&config, "fanfare tests", PublisherOptions::default());
    assert!(publisher.publish(&route("x", "q"), message(1)).await.unwrap().routed);
    publisher.close().await;
    let mut subscription = subscription(&config, "q", 1);
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.message().id(), id(1));
    delivery.ack();
    subscription.close().await;
    Inspector::connect(&config).await.unwrap().close().await;
    world.end().await;
}

#[tokio::test]
async fn a_node_that_is_lost_is_not_the_first_to_be_dialled_again() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    fill(&world, "q", [1]).await;
    let lost = world.proxy().await;
    let urls = format!("{},{}", at(&world, lost.address()), world.url());
    let config = BrokerConfig::from_urls(&urls, false).unwrap();
    let publisher = Publisher::start(&config, "fanfare tests", PublisherOptions::default());
    until_link(&publisher, LinkState::Up).await;
    let mut subscription = subscription(&config, "q", 1);
    let before = next(&mut subscription).await;

    // Whoever dials it now hears nothing for ten seconds.
    lost.set(Faults::blackhole());
    lost.reset_connections();
    assert!(publisher.publish(&route("x", "q"), message(2)).await.unwrap().routed);
    let after = next(&mut subscription).await;
    assert!(before.is_stale() && after.message().redelivered());
    assert_eq!(lost.counts().connections, 2, "one for each, and no more");
    assert_eq!(lost.counts().resets, 2);
    publisher.close().await;
    subscription.close().await;
    world.end().await;
}

#[tokio::test]
async fn a_broker_at_an_ipv6_address_is_reached_there() {
    let world = World::start().await;
    declare_queues(&world, &["q"]).await;
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving =
        tokio::spawn(proxy::run(listener, world.address(), Faults::default(), stop.clone()));

    // A port that only the IPv6 address has: no name leads there.
    let config = world.config_through(address);
    let publisher = Publisher::start(&config, "fanfare tests", PublisherOptions::default());
    assert!(publisher.publish(&route("x", "q"), message(1)).await.unwrap().routed);
    publisher.close().await;
    assert_eq!(world.ready("q").await, 1);
    stop.cancel();
    serving.await.unwrap();
    world.end().await;
}

#[tokio::test]
async fn a_publisher_with_nobody_left_to_tell_closes_without_a_broker() {
    let nobody = BrokerConfig::from_urls("amqp://127.0.0.1:1", false).unwrap();
    let options =
        PublisherOptions { give_up_after: Duration::from_secs(1), ..PublisherOptions::default() };
    let publisher = Publisher::start(&nobody, "fanfare tests", options);
    match publisher.publish(&route("x", "q"), message(1)).await {
        Err(PublishError::Unconfirmed { id: told, blocked: false, .. }) => assert_eq!(told, id(1)),
        other => panic!("{other:?}"),
    }
    within("the publisher to close", publisher.close()).await;
}

/// The world's URL with another address in it.
fn at(world: &World, address: SocketAddr) -> String {
    let mut url = url::Url::parse(world.url()).unwrap();
    url.set_ip_host(address.ip()).unwrap();
    url.set_port(Some(address.port())).unwrap();
    url.into()
}
