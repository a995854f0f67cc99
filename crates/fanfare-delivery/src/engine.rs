//! The loop: take deliveries while there is room, work on them, settle them.

use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use fanfare_broker::{ConsumeState, Subscription};
use fanfare_events::DestinationName;
use fanfare_process::health::{Condition, Health};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::destination::Destination;
use crate::ledger::MemoryLedger;
use crate::metrics::Metrics;
use crate::policy::{Admission, Gate, RetryPolicy};
use crate::reports::Reports;
use crate::subscription::EventTypes;
use crate::successor::Successors;
use crate::work::Finished;

/// Turns deliveries into attempts at one destination.
pub(crate) struct Engine<D> {
    pub(crate) destination: D,
    pub(crate) name: DestinationName,
    pub(crate) options: EngineOptions,
    pub(crate) successors: Successors,
    pub(crate) ledger: MemoryLedger,
    pub(crate) gate: Mutex<Gate>,
    pub(crate) metrics: Metrics,
    pub(crate) consumer: String,
}

/// The limits of an engine.
#[derive(Clone, Debug)]
pub(crate) struct EngineOptions {
    pub(crate) max_concurrency: usize,
    pub(crate) prefetch: u16,
    pub(crate) call_deadline: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) event_types: EventTypes,
    pub(crate) shutdown_grace: Duration,
}

/// RabbitMQ closes a channel whose deliveries wait for 30 minutes, and everything on
/// it is handed over again. Giving it back ourselves comes long before that.
const LONGEST_UNSETTLED: Duration = Duration::from_secs(10 * 60);
const CHECK_EVERY: Duration = Duration::from_secs(1);

impl<D: Destination> Engine<D> {
    /// Works until `shutdown`, then finishes what was started within the grace period.
    pub(crate) async fn run(
        &self,
        mut subscription: Subscription,
        mut reports: Reports,
        health: &Health,
        shutdown: &CancellationToken,
    ) {
        let mut in_flight = FuturesUnordered::new();
        let mut watch = Watch::new(health);
        let mut check = interval(CHECK_EVERY);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Asked again in every turn of the loop, so it takes its place in the queue once.
        let mut stopped = pin!(shutdown.cancelled());

        loop {
            let admission = self.admission(in_flight.len());
            tokio::select! {
                biased;
                Some(finished) = in_flight.next(), if !in_flight.is_empty() => {
                    self.tell(&mut reports, finished);
                    watch.settled += 1;
                }
                () = &mut stopped => break,
                delivery = subscription.next(), if admission == Admission::Granted => match delivery {
                    Some(delivery) => {
                        self.gate().started();
                        in_flight.push(self.work(delivery));
                        self.metrics.in_flight.set(in_flight.len() as i64);
                    }
                    None => break,
                },
                () = at(admission) => {}
                () = reports.progress() => {}
                _ = check.tick() => {
                    self.check(&mut watch, &subscription, in_flight.len());
                }
            }
        }

        health.shut_down();
        subscription.drain();
        let unfinished = in_flight.len();
        let finish = async {
            while let Some(finished) = in_flight.next().await {
                self.tell(&mut reports, finished);
            }
        };
        let finished = tokio::time::timeout(self.options.shutdown_grace, finish).await;
        match finished {
            Ok(()) => info!(finished = unfinished, "Finished what was in flight"),
            Err(_) => warn!(
                unfinished = in_flight.len(),
                "The grace period is over; what is unfinished will be delivered again"
            ),
        }
        drop(in_flight);
        subscription.close().await;
    }

    fn admission(&self, in_flight: usize) -> Admission {
        // What cannot be retried or dead-lettered now should not be attempted now.
        if in_flight >= self.options.max_concurrency || self.successors.in_trouble() {
            return Admission::AfterProbe;
        }
        let gate = self.gate();
        if gate.is_closed() {
            return gate.admission(Instant::now(), in_flight);
        }
        Admission::Granted
    }

    fn check(&self, watch: &mut Watch, subscription: &Subscription, in_flight: usize) {
        let holding = self.gate().is_closed();
        if holding {
            self.metrics.held_for(CHECK_EVERY);
        }
        let consuming = *subscription.state().borrow() == ConsumeState::Consuming;
        let could_settle = if holding || self.successors.in_trouble() { 0 } else { in_flight };
        watch.report(consuming, could_settle);

        if subscription.oldest_unsettled().is_some_and(|age| age > LONGEST_UNSETTLED) {
            warn!(
                destination = %self.name,
                "A delivery could not be settled for too long; giving back what is not settled"
            );
            subscription.pause();
            subscription.resume(self.options.prefetch);
        }
    }

    fn tell(&self, reports: &mut Reports, finished: Finished) {
        let Some(finished) = finished else { return };
        let reply_to = finished.message.reply_to();
        if reply_to.is_some() || reports.somebody_may_listen() {
            let report = finished.report(&self.name);
            reports.tell(&report, reply_to, finished.message.correlation_id());
        }
    }
}

async fn at(admission: Admission) {
    match admission {
        Admission::At(moment) => sleep_until(moment).await,
        Admission::Granted | Admission::AfterProbe => std::future::pending().await,
    }
}

/// What health is told, once a second.
struct Watch {
    health: Health,
    consuming: Condition,
    settled: u64,
    told: u64,
}

impl Watch {
    fn new(health: &Health) -> Self {
        let consuming = health.condition("consuming");
        Self { health: health.clone(), consuming, settled: 0, told: 0 }
    }

    fn report(&mut self, consuming: bool, could_settle: usize) {
        self.consuming.set(consuming);
        self.health.set_pending(could_settle);
        if self.settled != self.told {
            self.told = self.settled;
            self.health.progress();
        }
    }
}
