//! The loop: take deliveries while there is room, work on them, settle them.

mod intake;

use std::future::poll_fn;
use std::mem::take;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use fanfare_broker::{ConsumeState, Delivery, Subscription};
use fanfare_events::DestinationName;
use fanfare_process::health::{Condition, Health};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use intake::Intake;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::batch::Batcher;
use crate::destination::Destination;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::permits::Permits;
use crate::policy::{Company, Loners, RetryPolicy};
use crate::replicas::Replicas;
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
    pub(crate) ledger: Ledger,
    pub(crate) permits: Permits,
    pub(crate) batcher: Option<Batcher>,
    pub(crate) outbox: Outbox,
    pub(crate) loners: Mutex<Loners>,
    pub(crate) metrics: Metrics,
    pub(crate) consumer: String,
}

/// The limits of an engine.
#[derive(Clone, Debug)]
pub(crate) struct EngineOptions {
    /// Most deliveries that are worked on, whether they are called for or wait for a permit.
    pub(crate) at_hand: usize,
    pub(crate) prefetch: u16,
    pub(crate) call_deadline: Duration,
    pub(crate) retry: RetryPolicy,
    pub(crate) event_types: EventTypes,
    pub(crate) shutdown_grace: Duration,
}

/// RabbitMQ closes a channel whose deliveries wait for 30 minutes, and everything on
/// it is handed over again. Giving it back ourselves comes long before that.
pub(crate) const LONGEST_UNSETTLED: Duration = Duration::from_secs(10 * 60);
/// A call, and what it takes to settle what it was for.
const LONGEST_GOODBYE: Duration = Duration::from_secs(60);
const CHECK_EVERY: Duration = Duration::from_secs(1);

impl<D: Destination> Engine<D> {
    /// Works until `shutdown`, then finishes what was started within the grace period.
    pub(crate) async fn run(
        &self,
        mut subscription: Subscription,
        mut reports: Reports,
        mut replicas: Replicas,
        health: &Health,
        shutdown: &CancellationToken,
    ) {
        let mut in_flight = FuturesUnordered::new();
        let mut watch = Watch::new(health);
        let mut intake = Intake::Full;
        let mut is_vacant = false;
        let mut company = Company::new(self.options.prefetch);
        let mut check = looks();
        // Asked again in every turn of the loop, so it takes its place in the queue once.
        let mut stopped = pin!(shutdown.cancelled());

        loop {
            let running = in_flight.len();
            if running == 0 && intake == Intake::Full && company.changes() {
                subscription.pause();
                subscription.resume(company.prefetch());
            }
            tokio::select! {
                biased;
                Some(finished) = in_flight.next(), if !in_flight.is_empty() => {
                    self.tell(&mut reports, finished);
                    watch.settled += 1;
                }
                () = &mut stopped => break,
                // Asked again at every look: a successor may be in trouble since the loop turned.
                delivery = once(|| self.has_room(intake, &company, running), subscription.next()) => match delivery {
                    // A probe is alone as it is.
                    Some(delivery) if intake != Intake::Full || self.admits(&mut company, &delivery) => {
                        in_flight.push(self.work(delivery));
                    }
                    // It is kept, and given back with what is left.
                    Some(_) => {}
                    None => break,
                },
                () = reports.progress() => {}
                () = replicas.progress(&self.permits, &self.outbox) => {
                    self.adjust(&mut intake, &company, &subscription, running, false);
                }
                () = self.permits.vacancy(), if !is_vacant && self.seeks_vacancy(intake) => {
                    is_vacant = true;
                }
                _ = check.tick() => {
                    let is_away = intake == Intake::Away;
                    self.observe(&mut watch, is_away, &subscription, running);
                    let is_vacant = take(&mut is_vacant);
                    self.adjust(&mut intake, &company, &subscription, running, is_vacant);
                }
            }
        }

        health.shut_down();
        self.wind_down(in_flight, |finished| finished, subscription, reports, replicas).await;
    }

    /// Finishes what was started within the grace period, gives back the rest.
    pub(crate) async fn wind_down<F: Future>(
        &self,
        mut in_flight: FuturesUnordered<F>,
        finished: impl Fn(F::Output) -> Finished,
        subscription: Subscription,
        mut reports: Reports,
        replicas: Replicas,
    ) {
        subscription.drain();
        // What waits for a permit was not started: it goes back untouched.
        self.permits.close();
        let unfinished = in_flight.len();
        let finish = async {
            while let Some(ended) = in_flight.next().await {
                self.tell(&mut reports, finished(ended));
            }
            reports.finish().await;
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
        replicas.close().await;
    }

    /// What cannot be retried or dead-lettered now should not be attempted now.
    fn has_room(&self, intake: Intake, company: &Company, running: usize) -> bool {
        let takes = match intake {
            Intake::Full => company.takes(),
            // When the trouble is over, so is one at a time.
            Intake::Probe => self.permits.trouble().is_some(),
            Intake::Leaving | Intake::Away => false,
        };
        takes
            && running < self.options.at_hand
            && !self.successors.in_trouble()
            && !self.permits.is_paused()
    }

    /// Nothing stands against the destination, but a rate may: what was given back because its
    /// turn was far away would be given back again and again.
    fn seeks_vacancy(&self, intake: Intake) -> bool {
        intake == Intake::Away && self.permits.trouble().is_none() && !self.permits.is_paused()
    }

    /// Whether the delivery may be worked on beside what is at hand.
    fn admits(&self, company: &mut Company, delivery: &Delivery) -> bool {
        let message = delivery.message();
        let admits = company.admits(message.delivery_count());
        if !admits {
            warn!(event_id = message.id(), destination = %self.name,
                deliveries = message.delivery_count(),
                "An event was handed over again and again; from here on one is at hand at a time");
        }
        admits
    }

    /// Tells metrics and health how it stands, once every [`CHECK_EVERY`].
    pub(crate) fn observe(
        &self,
        watch: &mut Watch,
        is_away: bool,
        subscription: &Subscription,
        in_flight: usize,
    ) {
        let holding = self.permits.trouble().is_some();
        if holding {
            self.metrics.held_for(CHECK_EVERY);
        }
        self.metrics.look_at(&self.permits);
        let consuming = *subscription.state().borrow() == ConsumeState::Consuming;
        let could_settle = match () {
            () if holding || self.successors.in_trouble() => 0,
            () if self.permits.is_rationed() => self.permits.calls(),
            () => in_flight,
        };
        watch.report(consuming || is_away, could_settle);
    }

    /// Takes as much from the queue as it is the time for.
    fn adjust(
        &self,
        intake: &mut Intake,
        company: &Company,
        subscription: &Subscription,
        in_flight: usize,
        is_vacant: bool,
    ) {
        let age = subscription.oldest_unsettled().unwrap_or_default();
        let (too_long, holding) = (age > LONGEST_UNSETTLED, self.permits.trouble().is_some());
        let idle = in_flight == 0 || age > LONGEST_UNSETTLED + LONGEST_GOODBYE;
        let may_start = if holding { self.permits.may_start() } else { is_vacant };
        let next = match self.permits.is_paused() {
            true => intake.leaves(idle),
            false => intake.next(too_long, holding, may_start, idle),
        };
        if next != *intake {
            info!(destination = %self.name, intake = ?next, "Changing how much is taken");
            match next {
                Intake::Full => subscription.resume(company.prefetch()),
                Intake::Probe => subscription.resume(1),
                Intake::Leaving => self.permits.dismiss(),
                Intake::Away => {
                    subscription.pause();
                    self.permits.dismiss();
                }
            }
            *intake = next;
        }
    }

    pub(crate) fn tell(&self, reports: &mut Reports, finished: Finished) {
        let Some(finished) = finished else { return };
        let reply_to = finished.message.reply_to();
        if reply_to.is_some() || reports.somebody_may_listen() {
            let report = finished.report(&self.name);
            reports.tell(&report, reply_to, finished.message.correlation_id());
        }
    }
}

/// When to look how everything stands.
pub(crate) fn looks() -> Interval {
    let mut looks = interval(CHECK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// What `next` gives, looked at only while `may` says so.
pub(crate) async fn once<T>(may: impl Fn() -> bool, next: impl Future<Output = T>) -> T {
    let mut next = pin!(next);
    poll_fn(|cx| if may() { next.as_mut().poll(cx) } else { Poll::Pending }).await
}

/// What health is told, once a second.
pub(crate) struct Watch {
    health: Health,
    consuming: Condition,
    pub(crate) settled: u64,
    told: u64,
}

impl Watch {
    pub(crate) fn new(health: &Health) -> Self {
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
