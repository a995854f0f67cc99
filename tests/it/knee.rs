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
/// An API that suddenly refuses more than half of the calls is not crowded but failing, as far
/// as the breaker can tell, when all of them come in step.
const REFUSING: usize = 25;
/// Long enough that the processor is idle most of the time.
const LATENCY_MS: u64 = 150;
const PHASE: Duration = Duration::from_secs(12);
/// More than are delivered to anybody.
const EVENTS: usize = 12_000;
/// The way back up costs two or three seconds of a phase, and the rest is as good as if told.
const LEAST_SHARE: f64 = 0.85;
const LONGEST_TO_FOLLOW: f64 = 6.0;

/// An API, and the consumer that delivers to it.
struct Line {
    name: &'static str,
    api: MockApi,
    admin: String,
    consumer: RunningProgram,
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
    async fn tell(&self, knee: usize, told: &Self) -> (f64, f64) {
        let (served, best) = (self.api.totals().accepted, told.api.totals().accepted);
        let share = served as f64 / best as f64;
        let in_flight = self.in_flight();
        let is_there = |calls: &usize| match knee {
            WIDE => *calls >= WIDE * 4 / 5,
            _ => *calls <= knee * 8 / 5,
        };
        let halves = in_flight.iter().position(is_there);
        let seconds = halves.map_or(f64::INFINITY, |halves| halves as f64 / 2.0);
        let refused = self.api.log().iter().filter(|call| call.status == Some(503)).count();
        println!(
            "{} beyond {knee}: {served} served, {:.1} % of {best}, {refused} refused; after \
             {seconds} s {knee} in flight, limit {}: {in_flight:?}",
            self.name,
            100.0 * share,
            self.limit().await,
        );
        (share, seconds)
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
    world.declare(&["wide", "narrow", "between", "queues", "refuses"]).await;
    let producer = world.producer().await;
    for receipt in producer.publish_all(&registered_many(EVENTS)).await {
        receipt.unwrap();
    }
    producer.close().await;

    let (wide, narrow, between, queueing, refusing) = tokio::join!(
        Line::start(&world, "wide", queues(WIDE), WIDE),
        Line::start(&world, "narrow", queues(NARROW), NARROW),
        Line::start(&world, "between", queues(REFUSING), REFUSING),
        Line::start(&world, "queues", queues(WIDE), 64),
        Line::start(&world, "refuses", refuses(WIDE), 64),
    );
    let (mut shares, mut seconds) = (Vec::new(), Vec::new());
    let wide_knees = [(WIDE, &wide), (WIDE, &wide)];
    let narrow_knees = [(NARROW, &narrow), (REFUSING, &between)];
    for [queue, edge] in [wide_knees, narrow_knees, wide_knees] {
        for line in [&wide, &narrow, &between, &queueing, &refusing] {
            line.api.clear_log();
        }
        queueing.api.control(queues(queue.0)).unwrap();
        refusing.api.control(refuses(edge.0)).unwrap();
        sleep_until(Instant::now() + PHASE).await;
        for (line, (knee, told)) in [(&queueing, queue), (&refusing, edge)] {
            let (share, followed) = line.tell(knee, told).await;
            shares.push(share);
            seconds.push(followed);
        }
    }
    for line in [wide, narrow, between, queueing, refusing] {
        line.consumer.kill().await;
    }
    world.end().await;
    assert!(shares.iter().all(|share| *share >= LEAST_SHARE), "{shares:?}");
    assert!(seconds.iter().all(|seconds| *seconds <= LONGEST_TO_FOLLOW), "{seconds:?}");
}
