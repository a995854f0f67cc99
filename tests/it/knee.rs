//! APIs that carry so many calls at the same time and no more, and do not say how many.
//!
//! Two of them, one that lets the others wait and one that refuses them, are delivered to by
//! consumers who may make 64 calls at the same time. Next to them consumers who were told the
//! knee deliver to APIs of their own, so that a slow machine is slow for all.

use std::num::NonZeroUsize;
use std::time::Duration;

use fanfare_sandbox::mock::{Control, Fault, MockApi};
use fanfare_tests::{
    PATIENCE, ProgramSettings, RunningProgram, World, eventually, free_port, metric,
    registered_many,
};
use tokio::time::{Instant, sleep_until};

const PROGRAM: &str = "fanfare-consumer-webhook";
const WIDE: usize = 40;
const NARROW: usize = 10;
/// Long enough that the processor is idle most of the time.
const LATENCY_MS: u64 = 150;
const PHASE: Duration = Duration::from_secs(15);
/// More than are delivered to anybody.
const EVENTS: usize = 15_000;
/// Of what somebody delivers who was told the knee: in all, and in each phase, where the way
/// back up costs two or three seconds.
const LEAST_SHARE: f64 = 0.9;
const LEAST_SHARE_OF_PHASE: f64 = 0.75;
const LONGEST_TO_FOLLOW: f64 = 6.0;

/// An API, and the consumer that delivers to it.
struct Line {
    name: &'static str,
    api: MockApi,
    admin: String,
    consumer: RunningProgram,
}

/// How a phase went.
#[derive(Debug)]
struct Phase {
    served: u64,
    /// What was delivered by somebody who was told the knee.
    best: u64,
    /// In seconds.
    followed_after: f64,
}

impl Line {
    async fn start(world: &World, name: &'static str, control: Control, most: usize) -> Self {
        let api = MockApi::sink().await.unwrap();
        api.control(control).unwrap();
        let admin = format!("127.0.0.1:{}", free_port());
        let settings = ProgramSettings::default()
            .set("FANFARE_AMQP_URL", world.url())
            .set("FANFARE_NAMESPACE", world.namespace().as_str())
            .set("FANFARE_DESTINATION", name)
            .set("FANFARE_ADMIN_ADDR", &admin)
            .set("FANFARE_MAX_CONCURRENCY", most.to_string())
            .set("WEBHOOK_URL", api.base_url())
            .set("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .set("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8");
        let consumer = RunningProgram::start(PROGRAM, &settings);
        let is_called = |api: &MockApi| api.totals().accepted > 0;
        api.wait_until("the first call", PATIENCE, is_called).await.unwrap();
        Self { name, api, admin, consumer }
    }

    async fn limit(&self) -> f64 {
        let series = format!("fanfare_concurrency_limit{{destination=\"{}\"}}", self.name);
        eventually("the limit in the metrics", async || metric(&self.admin, &series).await).await
    }

    /// The calls in flight, on average over each half of a second.
    fn in_flight(&self) -> Vec<usize> {
        let log = self.api.log();
        let began = log.first().map_or(0.0, |call| call.arrived_ms);
        let mean = |half: usize| {
            let half = half as f64 * 500.0;
            let within = log.iter().map(|call| (call.arrived_ms - began - half, call.in_flight));
            let counts = within.filter(|(after, _)| (0.0..500.0).contains(after));
            let counts: Vec<usize> = counts.map(|(_, count)| count as usize).collect();
            counts.iter().sum::<usize>() / counts.len().max(1)
        };
        (0..2 * PHASE.as_secs() as usize).map(mean).collect()
    }

    /// How this phase went, next to somebody who was told the knee.
    async fn tell(&self, knee: usize, told: &Self) -> Phase {
        let (served, best) = (self.api.totals().accepted, told.api.totals().accepted);
        let in_flight = self.in_flight();
        let is_there = |calls: &usize| match knee {
            WIDE => *calls >= WIDE * 4 / 5,
            _ => *calls <= knee * 2,
        };
        let halves = in_flight.iter().position(is_there);
        let seconds = halves.map_or(f64::INFINITY, |halves| halves as f64 / 2.0);
        let refused = self.api.log().iter().filter(|call| call.status == Some(503)).count();
        println!(
            "{} beyond {knee}: {served} served, {:.1} % of {best}, {refused} refused; after \
             {seconds} s {knee} in flight, limit {}: {in_flight:?}",
            self.name,
            100.0 * served as f64 / best as f64,
            self.limit().await,
        );
        Phase { served, best, followed_after: seconds }
    }
}

impl Phase {
    fn share(&self) -> f64 {
        self.served as f64 / self.best as f64
    }
}

fn queues(knee: usize) -> Control {
    Control::knee(NonZeroUsize::new(knee).unwrap(), LATENCY_MS)
}

fn refuses(knee: usize) -> Control {
    Control::edge(NonZeroUsize::new(knee).unwrap(), LATENCY_MS, Fault::status(503))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for a minute, on a machine that does nothing else"]
async fn calls_follow_a_knee_that_moves_and_nearly_all_that_is_carried_is_delivered() {
    let world = World::start().await;
    world.declare(&["wide", "narrow", "queues", "refuses"]).await;
    world.publish(&registered_many(EVENTS)).await;

    let (wide, narrow, queueing, refusing) = tokio::join!(
        Line::start(&world, "wide", queues(WIDE), WIDE),
        Line::start(&world, "narrow", queues(NARROW), NARROW),
        Line::start(&world, "queues", queues(WIDE), 64),
        Line::start(&world, "refuses", refuses(WIDE), 64),
    );
    let (mut queued, mut refused) = (Vec::new(), Vec::new());
    for (knee, told) in [(WIDE, &wide), (NARROW, &narrow), (WIDE, &wide)] {
        for line in [&wide, &narrow, &queueing, &refusing] {
            line.api.clear_log();
        }
        queueing.api.control(queues(knee)).unwrap();
        refusing.api.control(refuses(knee)).unwrap();
        sleep_until(Instant::now() + PHASE).await;
        queued.push(queueing.tell(knee, told).await);
        refused.push(refusing.tell(knee, told).await);
    }
    for line in [wide, narrow, queueing, refusing] {
        line.consumer.kill().await;
    }
    world.end().await;
    for phases in [queued, refused] {
        let in_all = |of: fn(&Phase) -> u64| phases.iter().map(of).sum::<u64>() as f64;
        let share = in_all(|phase| phase.served) / in_all(|phase| phase.best);
        println!("{:.1} % in all", 100.0 * share);
        assert!(share >= LEAST_SHARE, "{share}");
        for phase in phases {
            assert!(phase.share() >= LEAST_SHARE_OF_PHASE, "{phase:?}");
            assert!(phase.followed_after <= LONGEST_TO_FOLLOW, "{phase:?}");
        }
    }
}
