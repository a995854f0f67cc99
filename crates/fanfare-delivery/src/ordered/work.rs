//! The work on one delivery whose turn in its lane has come. It waits in place.

use std::time::Duration;

use fanfare_broker::{Cause, Delivery};
use fanfare_events::{DecodeError, Event, IdempotencyKey};
use tokio_util::sync::CancellationToken;

use super::lanes::Key;
use super::{Order, POISON_DELIVERIES};
use crate::destination::Destination;
use crate::ended::Ended;
use crate::engine::Engine;
use crate::outcome::Reason;
use crate::report::Result as Settled;
use crate::successor::NoSuccessor;
use crate::work::{Finished, Then, poison, undecodable};

/// A delivery, read as soon as it arrived: its key has to be known then.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) delivery: Delivery,
    pub(super) event: Result<Event, DecodeError>,
}

/// Where a delivery is worked on.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its lane; none where the event has no subject, or is none.
    pub(super) key: Option<Key>,
    /// Cancelled when nothing of its session may go on.
    pub(super) over: CancellationToken,
}

impl Arrived {
    pub(super) fn key(&self) -> Option<Key> {
        self.event.as_ref().ok()?.subject().map(Key::from)
    }
}

impl Place {
    /// What `wait` gives, unless the session is over before.
    async fn unless_over<T>(&self, wait: impl Future<Output = T>) -> Result<T, NoSuccessor> {
        let waited = self.over.run_until_cancelled(wait).await;
        waited.ok_or(NoSuccessor::TakenBack)
    }
}

impl<D: Destination> Engine<D> {
    /// Works on a delivery until it is settled; nothing else of its key is worked on meanwhile.
    pub(super) async fn work_in_order(
        &self,
        order: &Order,
        place: Place,
        arrived: Arrived,
    ) -> (Option<Key>, Finished) {
        let Arrived { delivery, event } = arrived;
        let worked = self.work_in_place(order, &place, &delivery, event).await;
        (place.key, self.settle(delivery, worked))
    }

    async fn work_in_place(
        &self,
        order: &Order,
        place: &Place,
        delivery: &Delivery,
        event: Result<Event, DecodeError>,
    ) -> Result<Ended, NoSuccessor> {
        let message = delivery.message();
        let mut ended = Ended::unread(message);
        if message.delivery_count() >= POISON_DELIVERIES {
            return self.bury(order, place, delivery, ended, Cause::Poison, poison(message)).await;
        }
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                let (cause, reason) = (Cause::Undecodable, undecodable(&error));
                return self.bury(order, place, delivery, ended, cause, reason).await;
            }
        };
        // Its own letter would keep it back, and be followed by another.
        if self.is_dead_already(message, IdempotencyKey::of(&event, &self.name)).await {
            return Ok(Ended { event: Some(event), ..ended }.with(Settled::Duplicate));
        }
        if self.is_kept_back(order, place, &ended).await? {
            ended.event = Some(event);
            let reason = Reason::new("an earlier event of its key is a dead letter");
            return self.bury(order, place, delivery, ended, Cause::Blocked, reason).await;
        }
        let mut attempt = self.next_attempt(event, &ended.history);
        // Holds are the destination's trouble, and do not count.
        let mut kept_waiting = Duration::ZERO;
        loop {
            if place.over.is_cancelled() {
                return Err(NoSuccessor::TakenBack);
            }
            let (attempted, so_far, then) = self.go(delivery, attempt, ended).await?;
            ended = so_far;
            let event = attempted.into_event();
            let (pause, spent) = match then {
                Then::Settle(result) => {
                    return Ok(Ended { event: Some(event), ..ended }.with(result));
                }
                Then::GiveUp { cause, reason } => {
                    ended.event = Some(event);
                    return self.bury(order, place, delivery, ended, cause, reason).await;
                }
                Then::Again { pause, spent, .. } => (pause, spent),
            };
            order.attempted();
            if let Some(failed_for) = &spent {
                kept_waiting += ended.took + pause;
                if kept_waiting > order.patience {
                    ended.event = Some(event);
                    let reason = out_of_patience(order.patience, failed_for);
                    return self
                        .bury(order, place, delivery, ended, Cause::Exhausted, reason)
                        .await;
                }
            }
            let _parked = spent.map(|_| self.metrics.parked());
            place.unless_over(tokio::time::sleep(pause)).await?;
            attempt = self.next_attempt(event, &ended.history);
        }
    }

    /// Whether an earlier event of its key is a dead letter, and blocks it.
    async fn is_kept_back(
        &self,
        order: &Order,
        place: &Place,
        ended: &Ended,
    ) -> Result<bool, NoSuccessor> {
        let (Some(blockade), Some(key)) = (&order.blockade, &place.key) else { return Ok(false) };
        let stamp = ended.history.first_dead_at_ms;
        if place.unless_over(blockade.keeps_back(key, stamp)).await? {
            return Ok(true);
        }
        if let Some(stamp) = stamp {
            blockade.goes_on(key, stamp);
        }
        Ok(false)
    }

    /// Dead-letters it. Where dead letters block, it is known before anything else of its key
    /// is looked at.
    async fn bury(
        &self,
        order: &Order,
        place: &Place,
        delivery: &Delivery,
        mut ended: Ended,
        cause: Cause,
        reason: Reason,
    ) -> Result<Ended, NoSuccessor> {
        let Some(blockade) = &order.blockade else {
            return self.dead_letter(delivery, ended, cause, reason).await;
        };
        let stamp = ended.history.first_dead_at_ms;
        let burying = blockade.bury(place.key.clone(), stamp);
        let (stamp, burial) = place.unless_over(burying).await?;
        ended.history.first_dead_at_ms = Some(stamp);
        let ended = self.dead_letter(delivery, ended, cause, reason).await?;
        blockade.buried(burial);
        Ok(ended)
    }
}

fn out_of_patience(patience: Duration, last: &Reason) -> Reason {
    let seconds = patience.as_secs();
    let text = format!("would keep its key waiting for more than {seconds} s: {}", last.text);
    Reason { text, ..last.clone() }
}
