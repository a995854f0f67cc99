//! The loop of an ordered destination: one session at a time, each key in its lane.

use std::pin::pin;

use fanfare_broker::{Delivery, Subscription};
use fanfare_process::health::Health;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::session::{News, Shift};
use super::work::{Arrived, Place};
use super::{LONGEST_UNSETTLED, Order, PREFETCH};
use crate::decode::decode;
use crate::destination::Destination;
use crate::engine::{Engine, Watch, looks, once};
use crate::replicas::Replicas;
use crate::reports::Reports;

impl<D: Destination> Engine<D> {
    /// Works in order until `shutdown`, then finishes what was called within the grace period.
    pub(crate) async fn run_in_order(
        &self,
        order: &Order,
        mut subscription: Subscription,
        mut reports: Reports,
        mut replicas: Replicas,
        health: &Health,
        shutdown: &CancellationToken,
    ) {
        let mut at_work = FuturesUnordered::new();
        let mut watch = Watch::new(health);
        let mut shift = Shift::Idle;
        let mut is_away = false;
        let mut check = looks();
        let mut stopped = pin!(shutdown.cancelled());
        let start = |(place, arrived)| self.work_in_order(order, place, arrived);

        loop {
            let takes_more = shift.takes_more();
            tokio::select! {
                biased;
                Some((key, finished)) = at_work.next(), if !at_work.is_empty() => {
                    match (&mut shift, &finished) {
                        (Shift::Working(session), Some(_)) => session.acked(key),
                        // One that comes again comes after all that came with it.
                        (Shift::Working(_), None) => self.end(&mut shift),
                        _ => {}
                    }
                    self.tell(&mut reports, finished);
                    watch.settled += 1;
                }
                () = &mut stopped => break,
                news = shift.next() => match (news, &mut shift) {
                    (News::Taken, Shift::Working(session)) => {
                        at_work.extend(session.taken().into_iter().map(start));
                    }
                    (News::Ready, _) => {
                        if let Some(first) = shift.begin(&subscription) {
                            at_work.extend(self.arrive(&mut shift, first).map(start));
                        }
                    }
                    (News::Over | News::Taken, _) => self.end(&mut shift),
                },
                delivery = once(|| takes_more && self.may_take(), subscription.next()) => {
                    let Some(delivery) = delivery else { break };
                    at_work.extend(self.arrive(&mut shift, delivery).map(start));
                }
                () = reports.progress() => {}
                () = replicas.progress(&self.permits, &self.outbox) => {
                    self.keep_in_bounds(order, &mut shift, &subscription, &mut is_away);
                }
                _ = check.tick() => {
                    watch.settled += order.take_attempts();
                    let stands_by = is_away || shift.is_beginning();
                    self.observe(&mut watch, stands_by, &subscription, self.permits.calls());
                    self.metrics.look_at_order(order);
                    self.keep_in_bounds(order, &mut shift, &subscription, &mut is_away);
                    shift.ask_for_all(&subscription);
                }
            }
            shift.ask_if_held_up(&subscription);
            if at_work.is_empty() {
                is_away |= self.give_back_if_ended(&mut shift, &subscription);
                shift.read_if_beginning(order);
            }
        }

        health.shut_down();
        self.end(&mut shift);
        self.wind_down(at_work, |(_, finished)| finished, subscription, reports, replicas).await;
    }

    /// What cannot be dead-lettered now should not be attempted now.
    fn may_take(&self) -> bool {
        !self.successors.in_trouble() && !self.permits.is_paused()
    }

    /// A delivery stands in its lane; answers it if its turn has come.
    fn arrive(&self, shift: &mut Shift<'_>, delivery: Delivery) -> Option<(Place, Arrived)> {
        match shift {
            Shift::Working(session) if session.id() == delivery.session() => {
                let event = decode(delivery.message());
                session.enter(Arrived { delivery, event })
            }
            _ => {
                self.end(shift);
                *shift = Shift::Beginning { first: Box::new(delivery), reading: None };
                None
            }
        }
    }

    /// Nothing more of the session starts, and nothing of it waits.
    fn end(&self, shift: &mut Shift<'_>) {
        if let Some(over) = shift.end() {
            over.cancel();
            self.permits.dismiss();
        }
    }

    /// Gives back what is here: while paused, before the broker does it, and where more is
    /// blocked than can be kept in mind.
    fn keep_in_bounds(
        &self,
        order: &Order,
        shift: &mut Shift<'_>,
        subscription: &Subscription,
        is_away: &mut bool,
    ) {
        let is_paused = self.permits.is_paused();
        let too_long = subscription.oldest_unsettled().is_some_and(|age| age > LONGEST_UNSETTLED);
        if is_paused || too_long || order.is_full() {
            self.end(shift);
        }
        match shift {
            // What is called comes to its end before.
            Shift::Working(_) | Shift::Ending(_) => {}
            Shift::Idle | Shift::Beginning { .. } if is_paused && !*is_away => {
                *shift = Shift::Idle;
                subscription.pause();
                *is_away = true;
            }
            Shift::Beginning { .. } if too_long => {
                *shift = Shift::Idle;
                subscription.pause();
                subscription.resume(PREFETCH);
            }
            Shift::Idle | Shift::Beginning { .. } if !is_paused && *is_away => {
                subscription.resume(PREFETCH);
                *is_away = false;
            }
            Shift::Idle | Shift::Beginning { .. } => {}
        }
    }

    /// Once nothing of an ended session is called any more, all of it goes back. Answers
    /// whether nothing is taken from now on.
    fn give_back_if_ended(&self, shift: &mut Shift<'_>, subscription: &Subscription) -> bool {
        let Shift::Ending(session) = *shift else { return false };
        *shift = Shift::Idle;
        // Else it was the broker who ended it.
        if subscription.session() != Some(session) {
            return false;
        }
        info!(destination = %self.name, "Giving back what is not settled, in its order");
        subscription.pause();
        let is_paused = self.permits.is_paused();
        if !is_paused {
            subscription.resume(PREFETCH);
        }
        is_paused
    }
}
