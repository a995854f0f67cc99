//! What all stories of failover play on: a cluster, two consumers of one destination, and the
//! calls that the API has seen.

use std::time::Duration;

use fanfare_events::{Event, IdempotencyKey};
use fanfare_sandbox::mock::{Control, MockApi};
use fanfare_tests::{PATIENCE, Published, RunningProgram, Vendor, World, now_ms};
use tokio::time::Instant;

/// Consumers of HubSpot on three nodes.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) vendor: Vendor,
    pub(super) consumers: Vec<RunningProgram>,
    variables: Vec<(&'static str, &'static str)>,
}

/// A point in time by the clock of the tests and by that of the mock.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    ms: u64,
}

pub(super) const CONSUMERS: u32 = 2;

/// An event each so often, which two cores carry with three nodes besides.
pub(super) const EVERY: Duration = Duration::from_millis(10);

/// How long nothing may come through when a node is lost. It takes less than a second, on a
/// machine that is not busy.
pub(super) const PAUSE: Duration = Duration::from_secs(30);

impl Moment {
    pub(super) fn now() -> Self {
        Self { at: Instant::now(), ms: now_ms() }
    }
}

impl Stage {
    pub(super) async fn set() -> Self {
        Self::set_with(&[]).await
    }

    /// With consumers that are told these variables.
    pub(super) async fn set_with(variables: &[(&'static str, &'static str)]) -> Self {
        let world = World::on_cluster().await;
        let vendor = Vendor::hubspot().await;
        world.declare(&[vendor.name]).await;
        vendor.mock.control(Control::latency(5, 0)).unwrap();
        let variables = variables.to_vec();
        let mut stage = Self { world, vendor, consumers: Vec::new(), variables };
        for _ in 0..CONSUMERS {
            stage.start_consumer();
        }
        stage.world.until_consumers(&stage.queue(), CONSUMERS).await;
        stage
    }

    /// One more, which knows all nodes.
    pub(super) fn start_consumer(&mut self) {
        let settings = self
            .vendor
            .settings(self.world.url(), self.world.namespace().as_str())
            .set("FANFARE_LOG", "warn,fanfare=info");
        let variables = self.variables.iter();
        let settings =
            variables.fold(settings, |settings, (name, value)| settings.set(name, *value));
        self.consumers.push(RunningProgram::start(self.vendor.program, &settings));
    }

    pub(super) fn queue(&self) -> String {
        self.world.names(self.vendor.name).queue().to_owned()
    }

    /// The node of the leader of a queue, or of a stream.
    pub(super) async fn leader_of(&self, queue: &str) -> usize {
        self.world.cluster().leader_of(self.world.vhost(), queue).await.unwrap()
    }

    /// Until a replica of every queue runs on every node again. What they missed they catch up
    /// with; until then none of them becomes leader, and the next loss is survived all the same.
    pub(super) async fn until_whole(&self) {
        self.world.cluster().until_whole(self.world.vhost()).await.unwrap();
    }

    /// Waits for so many more deliveries: things go on.
    pub(super) async fn until_more_effects(&self, more: u64) {
        let enough = self.vendor.mock.totals().accepted + more;
        let seen = |api: &MockApi| api.totals().accepted >= enough;
        self.vendor.mock.wait_until("more deliveries", 2 * PATIENCE, seen).await.unwrap();
    }

    /// I1, I3 and I4: each of `events` was delivered, none is dead, nothing else was delivered;
    /// I2: none more than `most` times, and with one effect.
    pub(super) async fn assert_whole(&self, events: &[Event], most: u32) {
        let name = self.vendor.name.parse().unwrap();
        let keys: Vec<_> =
            events.iter().map(|event| IdempotencyKey::of(event, &name).to_string()).collect();
        let api = &self.vendor.mock;
        let all = |api: &MockApi| {
            let seen = api.effects().keys;
            keys.iter().all(|key| seen.contains_key(key))
        };
        let what = format!("all of {} events", events.len());
        // A delay that fell due while its queue had no leader is late.
        api.wait_until(&what, 2 * PATIENCE, all).await.unwrap();
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

    /// No consumer was spared.
    pub(super) fn assert_all_lost_a_connection(&self) {
        let lost = |consumer: &RunningProgram| {
            consumer.log().iter().filter(|line| line.contains("Stopped consuming")).count()
        };
        let each: Vec<_> = self.consumers.iter().map(lost).collect();
        assert!(each.iter().all(|count| *count > 0), "{each:?}");
    }

    /// Says how long no event was confirmed and none delivered, and asserts that it was not long.
    pub(super) fn tell_pauses(
        &self,
        what: &str,
        published: &Published,
        begin: Moment,
        end: Moment,
        most: Duration,
    ) {
        let confirms = published.longest_pause(begin.at, end.at);
        let deliveries = self.longest_pause(begin.ms, end.ms);
        println!("{what}: no confirm for {confirms:.1?}, no delivery for {deliveries:.1?}");
        assert!(confirms < most && deliveries < most);
    }

    /// The longest time without a delivery that ended between two moments.
    fn longest_pause(&self, begin_ms: u64, end_ms: u64) -> Duration {
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
}
