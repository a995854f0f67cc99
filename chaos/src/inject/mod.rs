//! Has the planned faults happen, and writes down what was seen of each.

mod apis;
mod broker;
mod data;
mod network;
mod processes;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::{Instant, sleep, sleep_until};

pub use data::{BAD_PRODUCER, BadMessage, BadSort};

use crate::clock::now_ms;
use crate::plan::{CATCH_UP, Kind, Lane, Plan, Planned};
use crate::stage::Stage;
use crate::watch::Queues;
use data::Strangers;

/// A fault that happened, or did not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happened {
    /// As it was planned.
    pub planned: Planned,
    /// When it began.
    pub began_ms: f64,
    /// When whoever it happened to was well again, as far as that is known at once.
    pub ended_ms: f64,
    /// How often it was seen from the side that it happened to; none means that it did not.
    pub seen: u64,
    /// What was seen, or why it did not happen.
    pub evidence: String,
}

/// What was seen of a fault.
#[derive(Debug)]
struct Sight {
    seen: u64,
    evidence: String,
}

/// The faults of a run.
#[derive(Debug, Default)]
pub struct Injection {
    happened: Mutex<Vec<Happened>>,
    strangers: Strangers,
}

impl Injection {
    /// Carries out the plan, from `start` on. The last fault comes when all others are over.
    ///
    /// On a slow machine faults take longer than planned; then those that follow come later.
    pub async fn carry_out(&self, plan: &Plan, stage: &Stage, start: Instant) {
        let Some((last, others)) = plan.faults.split_last() else { return };
        join_all(Lane::ALL.map(|lane| self.lane(lane, others, stage, start))).await;
        let rested = Instant::now() + Duration::from_secs_f64(CATCH_UP);
        sleep_until(rested.max(start + Duration::from_secs_f64(last.at))).await;
        caught_up(stage).await;
        self.happen(*last, stage).await;
    }

    /// What has happened so far.
    pub fn happened(&self) -> Vec<Happened> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was published besides the producers' events.
    pub fn strangers(&self) -> (Vec<BadMessage>, Vec<u64>) {
        self.strangers.published()
    }

    async fn lane(&self, lane: Lane, faults: &[Planned], stage: &Stage, start: Instant) {
        let mut rested = start;
        for planned in faults.iter().filter(|planned| planned.kind.lane() == lane) {
            sleep_until(rested.max(start + Duration::from_secs_f64(planned.at))).await;
            self.happen(*planned, stage).await;
            rested = Instant::now() + Duration::from_secs_f64(*lane.rest().start());
        }
    }

    async fn happen(&self, planned: Planned, stage: &Stage) {
        let began_ms = now_ms();
        let sight = self.perform(planned, stage).await;
        let Sight { seen, evidence } = sight.unwrap_or_else(|error| {
            eprintln!("chaos: {} cannot happen: {error:#}", planned.kind);
            Sight::new(0, format!("{error:#}"))
        });
        let happened = Happened { planned, began_ms, ended_ms: now_ms(), seen, evidence };
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).push(happened);
    }

    async fn perform(&self, planned: Planned, stage: &Stage) -> anyhow::Result<Sight> {
        match planned.kind {
            Kind::BrokerKilled => broker::kill(stage).await,
            Kind::BrokerStopped => broker::stop(stage).await,
            Kind::MemoryAlarm => broker::alarm(stage, planned.length()).await,
            Kind::ConnectionsClosed => broker::close_connections(stage).await,
            Kind::NetworkReset => network::reset(stage, planned).await,
            Kind::Blackhole => network::blackhole(stage, planned).await,
            Kind::ConfirmsLost => network::lose_confirms(stage, planned).await,
            Kind::SlowNetwork => network::slow_down(stage, planned).await,
            Kind::ConsumerKilled => processes::kill_consumer(stage, planned).await,
            Kind::ConsumerReplaced => processes::replace_consumer(stage, planned).await,
            Kind::ConsumerFrozen => processes::freeze_consumer(stage, planned).await,
            Kind::ProducerKilled => processes::kill_producer(stage, planned).await,
            Kind::RedisKilled => processes::kill_redis(stage, planned).await,
            Kind::PostgresKilled => processes::kill_postgres(stage, planned).await,
            Kind::ServerErrors
            | Kind::Throttled
            | Kind::Unauthorized
            | Kind::Silent
            | Kind::AnswersLost
            | Kind::SlowRamp
            | Kind::ApiDown => apis::disturb(stage, planned).await,
            Kind::BadData => self.strangers.publish(stage, planned).await,
        }
    }
}

/// Waits until every destination keeps up with what is published; a gate that is closed since the
/// fault before it takes its time. One that does not keep up in the end is judged as it is.
async fn caught_up(stage: &Stage) {
    let mut queues = Queues::new(stage);
    let deadline = Instant::now() + KEEPING_UP;
    while Instant::now() < deadline {
        let (ready, _) = queues.look().await;
        if ready.iter().all(|count| count.is_some_and(|count| count < BACKLOG)) {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    queues.close().await;
}

const KEEPING_UP: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Less than is published in half a second.
const BACKLOG: u64 = 50;

impl Planned {
    fn length(&self) -> Duration {
        Duration::from_secs_f64(self.lasts)
    }
}

impl Sight {
    fn new(seen: u64, evidence: impl Into<String>) -> Self {
        Self { seen, evidence: evidence.into() }
    }
}
