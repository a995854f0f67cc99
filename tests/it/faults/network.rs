//! The network between everybody and the broker: cut again and again, silent, or slow.

use std::time::Duration;

use fanfare_producer::{Producer, ProducerConfig};
use fanfare_sandbox::mock::Control;
use fanfare_sandbox::proxy::{Counts, FaultProxy, Faults};
use fanfare_tests::{PATIENCE, Replica, Vendor, World, registered_many};
use tokio::time::sleep;

use super::{assert_each_delivered_once, publish_until_confirmed, repeated_calls, until_delivered};

const EVENTS: usize = 600;

/// A producer and two consumers whose way to the broker leads through a proxy.
struct Path {
    world: World,
    proxy: FaultProxy,
    producer: Producer,
    vendors: [Vendor; 2],
    consumers: [Replica; 2],
}

impl Path {
    async fn start() -> Self {
        let world = World::start().await;
        let (crm, mail) = tokio::join!(Vendor::hubspot(), Vendor::sendgrid());
        world.declare(&[crm.name, mail.name]).await;
        let proxy = world.proxy().await;
        let config = ProducerConfig::with_broker(world.config_through(proxy.address()), "t");
        let producer = Producer::connect(config.unwrap()).await.unwrap();
        let url = world.url_through(proxy.address());
        let vendors = [crm, mail];
        let consumers = vendors.each_ref().map(|vendor| {
            vendor.mock.control(Control::latency(5, 10)).unwrap();
            Replica::start(&world, vendor, &url, &[])
        });
        for vendor in &vendors {
            world.until_consumers(world.names(vendor.name).queue(), 1).await;
        }
        Self { world, proxy, producer, vendors, consumers }
    }

    /// Publishes everything in bursts, with `fault` after each of them; then all is well.
    async fn lives_through(self, bursts: usize, fault: impl AsyncFn(&FaultProxy)) {
        let Self { world, proxy, producer, vendors, consumers } = self;
        let events = registered_many(EVENTS);
        for burst in events.chunks(EVENTS / bursts) {
            let publishing = {
                let (producer, burst) = (producer.clone(), burst.to_vec());
                tokio::spawn(async move { publish_until_confirmed(&producer, &burst).await })
            };
            fault(&proxy).await;
            publishing.await.unwrap();
        }
        proxy.heal().await.unwrap();
        for vendor in &vendors {
            until_delivered(vendor, &events).await;
            assert_each_delivered_once(&world, vendor, &events).await;
            // A process that lost its connection, and nothing else, knows what it delivered.
            assert_eq!(repeated_calls(vendor), 0, "calls to {} were repeated", vendor.name);
        }
        for consumer in consumers {
            consumer.stop().await;
        }
        producer.close().await;
        world.end().await;
    }
}

#[tokio::test]
async fn connections_that_are_reset_again_and_again_lose_nothing_and_double_nothing() {
    const RESETS: usize = 6;
    Path::start()
        .await
        .lives_through(RESETS, async |proxy| {
            let before = proxy.counts();
            let passes = |counts: &Counts| counts.request_bytes > before.request_bytes + 2_000;
            proxy.wait_until("something to pass", PATIENCE, passes).await.unwrap();
            proxy.reset_connections();
            let is_cut = |counts: &Counts| counts.resets > before.resets;
            proxy.wait_until("the cut", PATIENCE, is_cut).await.unwrap();
        })
        .await;
}

async fn silence_of(silent: Duration) {
    Path::start()
        .await
        .lives_through(2, async |proxy| {
            proxy.set(Faults::blackhole());
            let is_felt = |counts: &Counts| counts.withheld > 0;
            proxy.wait_until("something to be withheld", PATIENCE, is_felt).await.unwrap();
            // Not a wait for a fact: the silence itself.
            sleep(silent).await;
            proxy.heal().await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn a_network_that_is_silent_for_a_while_loses_nothing_and_doubles_nothing() {
    silence_of(Duration::from_secs(3)).await;
}

#[tokio::test]
#[ignore = "takes a minute and a half: the network is silent for longer than the heartbeats"]
async fn a_network_that_is_silent_for_longer_than_the_heartbeats_loses_nothing_and_doubles_nothing()
{
    silence_of(Duration::from_secs(40)).await;
}

#[tokio::test]
async fn a_slow_network_loses_nothing_and_doubles_nothing() {
    Path::start()
        .await
        .lives_through(1, async |proxy| {
            // 200 ms, give or take 100.
            let slow = Faults::latency(Duration::from_millis(100), Duration::from_millis(200));
            proxy.set(slow);
            let is_felt = |counts: &Counts| counts.delayed > 100;
            proxy.wait_until("a hundred late pieces", PATIENCE, is_felt).await.unwrap();
        })
        .await;
}
