//! What all stories of failover play on: a cluster, two consumers of one destination, and the
//! calls that the API has seen.

use std::time::Duration;

use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::mock::{Control, MockApi};
use fanfare_tests::{PATIENCE, RunningProgram, Vendor, World, eventually};

/// Two consumers of HubSpot on three nodes.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) vendor: Vendor,
    pub(super) consumers: Vec<RunningProgram>,
}

const CONSUMERS: usize = 2;

/// An event each so often, which two cores carry with three nodes besides.
pub(super) const EVERY: Duration = Duration::from_millis(10);

impl Stage {
    pub(super) async fn set() -> Self {
        let world = World::on_cluster().await;
        let vendor = Vendor::hubspot().await;
        world.declare(&[vendor.name]).await;
        vendor.mock.control(Control { latency_ms: 5, ..Control::default() }).unwrap();
        let mut stage = Self { world, vendor, consumers: Vec::new() };
        for _ in 0..CONSUMERS {
            stage.start_consumer();
        }
        stage.world.until_consumers(&stage.queue(), CONSUMERS as u32).await;
        stage
    }

    pub(super) fn start_consumer(&mut self) {
        let Vendor { name: _, program, .. } = self.vendor;
        let settings = self
            .vendor
            .settings(self.world.url(), self.world.namespace().as_str())
            .set("FANFARE_LOG", "info")
            .set("FANFARE_LOG_FORMAT", "text")
            .set("FANFARE_RETRY_CAP", "2s");
        self.consumers.push(RunningProgram::start(program, &settings));
    }

    pub(super) fn queue(&self) -> String {
        self.world.names(self.vendor.name).queue().to_owned()
    }

    /// The node of the leader of a queue.
    pub(super) async fn leader_of(&self, queue: &str) -> usize {
        self.world.cluster().leader_of(self.world.vhost(), queue).await.unwrap()
    }

    /// Until every queue has all its replicas again.
    pub(super) async fn until_whole(&self) {
        self.world.cluster().until_whole(self.world.vhost()).await.unwrap();
    }

    /// Waits for so many more effects: things go on.
    pub(super) async fn until_more_effects(&self, more: u64) {
        let enough = self.vendor.mock.totals().accepted + more;
        let what = format!("{more} more effects");
        let seen = |api: &MockApi| api.totals().accepted >= enough;
        self.vendor.mock.wait_until(&what, 2 * PATIENCE, seen).await.unwrap();
    }

    /// I1, I3 and I4: each of `events` was delivered, none is dead, nothing else was delivered;
    /// I2: none more often than `most` times.
    pub(super) async fn assert_whole(&self, events: &[Event], most: u32) {
        let name = self.vendor.name.parse().unwrap();
        let key = |event: &Event| IdempotencyKey::of(event, &name).to_string();
        let api = &self.vendor.mock;
        let all = |api: &MockApi| {
            let seen = api.effects().keys;
            events.iter().all(|event| seen.contains_key(&key(event)))
        };
        let everything = format!("all of {} events", events.len());
        api.wait_until(&everything, 2 * PATIENCE, all).await.unwrap();
        self.world.until_drained(self.vendor.name).await;
        let seen = api.effects().keys;
        assert_eq!(seen.len(), events.len(), "something was delivered that was not published");
        let often = seen.values().map(|tally| tally.accepted).max().unwrap();
        assert!(often <= most, "one was delivered {often} times");
        assert!(seen.values().all(|tally| tally.effects == 1), "a repeated call changed something");
        let dead = self.world.names(self.vendor.name).dead();
        assert_eq!(self.world.ready(&dead).await, 0);
        assert_eq!(self.world.ready(&self.world.namespace().unrouted()).await, 0);
    }

    /// The longest time without an effect that ended between two moments (as
    /// [`fanfare_tests::now_ms`]).
    pub(super) fn longest_pause(&self, begin_ms: u64, end_ms: u64) -> Duration {
        let log = self.vendor.mock.log();
        let mut moments: Vec<_> =
            log.iter().filter(|call| call.accepted > 0).filter_map(|call| call.ended_ms).collect();
        moments.sort_unstable_by(f64::total_cmp);
        let pauses = moments
            .windows(2)
            .filter(|pair| pair[1] > begin_ms as f64 && pair[1] < end_ms as f64)
            .map(|pair| pair[1] - pair[0]);
        Duration::from_secs_f64(pauses.fold(0.0, f64::max) / 1e3)
    }

    pub(super) async fn end(self) {
        for consumer in self.consumers {
            consumer.kill().await;
        }
        self.world.end().await;
    }

    /// Waits until another node than `lost` leads `queue`.
    pub(super) async fn until_led_by_another(&self, queue: &str, lost: usize) -> usize {
        eventually("another leader", async || {
            let leader = self.leader_of(queue).await;
            (leader != lost).then_some(leader)
        })
        .await
    }
}
