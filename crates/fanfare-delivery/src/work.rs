//! The work on one delivery, from the broker's hand to the ack.
//!
//! The order is the promise: nothing is acked before the destination has answered,
//! or before the broker has confirmed what follows. If the process dies on any line
//! of this file, the broker hands the message over again.

use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_broker::topology::Precision;
use fanfare_broker::{Cause, DeathNote, Delivery, Received};
use fanfare_events::{Event, IdempotencyKey};
use fanfare_process::telemetry::Chain;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::clock::{as_ms, now_ms};
use crate::decode::decode;
use crate::destination::{Attempt, Destination};
use crate::ended::{Ended, FinishedDelivery};
use crate::engine::Engine;
use crate::ledger::{Claim, Claimed};
use crate::mask::mask;
use crate::outcome::{Outcome, Reason, Trouble};
use crate::policy::{Circumstances, Gate, Next};
use crate::report::Result as Settled;
use crate::successor::{History, NoSuccessor};

/// What became of a delivery; `None` when the broker took it back meanwhile.
pub(crate) type Finished = Option<FinishedDelivery>;

/// What happens to a delivery in place of an attempt.
enum Instead {
    /// It is done with.
    Settle(Settled),
    /// It comes again later, and no attempt is spent.
    Delay(Duration),
    /// It is too old.
    Expire(Reason),
}

/// A message handed over so often has probably killed its consumer each time.
const POISON_DELIVERIES: u64 = 10;

impl<D: Destination> Engine<D> {
    /// Works on `delivery` until it is settled.
    pub(crate) async fn work(&self, delivery: Delivery) -> Finished {
        match self.work_until_settled(&delivery).await {
            Ok(ended) => {
                self.metrics.settled(ended.result, ended.age(delivery.message(), now_ms()));
                Some(FinishedDelivery { message: delivery.ack(), ended })
            }
            Err(NoSuccessor::TakenBack) => None,
            // Nothing of ours can follow it, so it follows itself: the broker dead-letters
            // the message as it is, headers and all.
            Err(NoSuccessor::Impossible(why)) => {
                error!(event_id = delivery.message().id(), destination = %self.name, why,
                    "A delivery can have no successor; the broker dead-letters it as it is");
                self.metrics.dead(Cause::Rejected);
                let cause = Some(Cause::Rejected);
                let ended = Ended { cause, ..Ended::unread(delivery.message()) };
                self.metrics.settled(ended.result, ended.age(delivery.message(), now_ms()));
                Some(FinishedDelivery { message: delivery.reject(), ended })
            }
        }
    }

    async fn work_until_settled(&self, delivery: &Delivery) -> Result<Ended, NoSuccessor> {
        let message = delivery.message();
        if message.delivery_count() >= POISON_DELIVERIES {
            let reason = Reason::new(format!(
                "handed over {} times before and never settled",
                message.delivery_count()
            ));
            return self.dead_letter(delivery, Ended::unread(message), Cause::Poison, reason).await;
        }
        if delivery.is_stale() {
            return Err(NoSuccessor::TakenBack);
        }
        let event = match decode(message) {
            Ok(event) => event,
            Err(error) => {
                let reason = Reason::new(Chain(&error).to_string());
                let ended = Ended::unread(message);
                return self.dead_letter(delivery, ended, Cause::Undecodable, reason).await;
            }
        };
        self.work_on_event(delivery, event).await
    }

    async fn work_on_event(&self, delivery: &Delivery, event: Event) -> Result<Ended, NoSuccessor> {
        let message = delivery.message();
        let ended = Ended::unread(message);
        let now = now_ms();
        let age = ended.age(message, now);
        let instead = match self.unwanted(message, &event, age, now) {
            Some(instead) => instead,
            None => {
                let key = IdempotencyKey::of(&event, &self.name);
                match self.ledger.claim(key).await {
                    Claim::Delivered => Instead::Settle(Settled::Duplicate),
                    // While this copy waited, the other one found the destination in trouble.
                    Claim::Ours(claimed) if claimed.waited && self.gate().is_closed() => {
                        Instead::Delay(self.gate().pause(Instant::now()).unwrap_or_default())
                    }
                    Claim::Ours(claimed) => {
                        let number = NonZeroU32::MIN.saturating_add(ended.history.attempts);
                        let attempt = Attempt::new(event, key, number);
                        return self.attempt(delivery, attempt, claimed, ended, age).await;
                    }
                }
            }
        };
        let ended = Ended { event: Some(event), ..ended };
        match instead {
            Instead::Settle(result) => Ok(ended.with(result)),
            Instead::Expire(reason) => {
                self.dead_letter(delivery, ended, Cause::Expired, reason).await
            }
            Instead::Delay(pause) => {
                let history = ended.history;
                self.successors.delay(delivery, history, pause, Precision::RetryAfter).await?;
                Ok(ended.with(Settled::Hold))
            }
        }
    }

    /// Why the event is not to be attempted now, as far as it can be told by looking at it.
    fn unwanted(
        &self,
        message: &Received,
        event: &Event,
        age: Duration,
        now_ms: u64,
    ) -> Option<Instead> {
        let early = message.not_before_ms().map_or(0, |moment| moment.saturating_sub(now_ms));
        if early > 0 {
            return Some(Instead::Delay(Duration::from_millis(early)));
        }
        let max_age = self.options.retry.max_age;
        if age > max_age {
            let text = format!("older than {} s, so it was not attempted", max_age.as_secs());
            return Some(Instead::Expire(Reason::new(text)));
        }
        let wanted = self.options.event_types.contains(event.event_type())
            && self.destination.handles(event.event_type());
        (!wanted).then_some(Instead::Settle(Settled::Skipped))
    }

    async fn attempt(
        &self,
        delivery: &Delivery,
        attempt: Attempt,
        claimed: Claimed<'_>,
        ended: Ended,
        age: Duration,
    ) -> Result<Ended, NoSuccessor> {
        let number = attempt.number();
        let attempted_at_ms = now_ms();
        let (outcome, took) = self.call(&attempt).await;
        self.metrics.attempted(outcome.label(), took);

        let mut ended = ended.attempted(&outcome, took);
        ended.event = Some(attempt.into_event());
        let spent = History {
            attempts: number.get(),
            first_attempt_at_ms: ended.history.first_attempt_at_ms.or(Some(attempted_at_ms)),
        };
        let message = delivery.message();
        let pause = match outcome {
            Outcome::Delivered => Duration::ZERO,
            _ => self.options.retry.pauses.after(number.get()),
        };
        let seen = Circumstances { attempt: number, age: age.saturating_add(took), pause };
        let next = self.options.retry.next(outcome, seen);
        self.note_at_gate(&next, &ended);
        match next {
            Next::Done => {
                // Known before the ack leaves: a redelivery finds it in the ledger.
                claimed.delivered();
                ended.history = spent;
                debug!(event_id = ended.event_id(message), destination = %self.name, attempt = number.get(),
                    duration_ms = as_ms(took), "Delivered");
                Ok(ended.with(Settled::Delivered))
            }
            Next::Retry { pause, precision, reason } => {
                ended.history = spent;
                info!(event_id = ended.event_id(message), destination = %self.name,
                    attempt = number.get(), duration_ms = as_ms(took),
                    retry_in_ms = as_ms(pause), reason = mask(&reason.text),
                    "An attempt failed, will try again");
                self.successors.delay(delivery, spent, pause, precision).await?;
                Ok(ended.with(Settled::Retry))
            }
            Next::Hold { trouble, pause, reason } => {
                let pause = self.hold(trouble, pause, &reason);
                let history = ended.history;
                self.successors.delay(delivery, history, pause, Precision::RetryAfter).await?;
                Ok(ended.with(Settled::Hold))
            }
            Next::HoldAndSpend { trouble, pause, reason } => {
                ended.history = spent;
                let pause = self.hold(trouble, pause, &reason).max(seen.pause);
                self.successors.delay(delivery, spent, pause, Precision::RetryAfter).await?;
                Ok(ended.with(Settled::Retry))
            }
            Next::DeadLetter { cause, reason } => {
                ended.history = spent;
                self.dead_letter(delivery, ended, cause, reason).await
            }
        }
    }

    /// One call, whatever the destination's code does.
    async fn call(&self, attempt: &Attempt) -> (Outcome, Duration) {
        let started = Instant::now();
        let deadline = self.options.call_deadline;
        let call = AssertUnwindSafe(self.destination.deliver(attempt)).catch_unwind();
        let outcome = match tokio::time::timeout(deadline, call).await {
            Ok(Ok(outcome)) => outcome,
            // The state behind is the destination's own; another event may fare better.
            Ok(Err(_)) => Outcome::Retry {
                reason: Reason::new("the destination's code panicked"),
                after: None,
            },
            Err(_) => Outcome::Ambiguous {
                reason: Reason::new(format!("no answer within {} s", deadline.as_secs_f64())),
            },
        };
        (outcome, started.elapsed())
    }

    fn note_at_gate(&self, next: &Next, ended: &Ended) {
        let in_trouble = matches!(next, Next::Hold { .. } | Next::HoldAndSpend { .. });
        // Without an answer nothing is known about the destination.
        if !in_trouble && ended.answered && self.gate().answered() {
            info!(destination = %self.name, "The destination is well again");
        }
    }

    /// Closes the gate. Returns how long this event has to wait.
    fn hold(&self, trouble: Trouble, pause: Option<Duration>, reason: &Reason) -> Duration {
        let now = Instant::now();
        let (until, is_news) = self.gate().hold(trouble, pause, now);
        let pause = until - now;
        if is_news {
            warn!(destination = %self.name, trouble = trouble.as_str(),
                reason = mask(&reason.text),
                pause_ms = as_ms(pause),
                "The destination is in trouble; holding everything, spending no attempts");
        }
        pause
    }

    async fn dead_letter(
        &self,
        delivery: &Delivery,
        mut ended: Ended,
        cause: Cause,
        reason: Reason,
    ) -> Result<Ended, NoSuccessor> {
        let note = DeathNote {
            cause,
            reason: mask(&reason.text),
            status: reason.status,
            response: reason.response.as_deref().map(mask),
            dead_at_ms: now_ms(),
            destination: self.name.to_string(),
            consumer: self.consumer.clone(),
        };
        self.successors.dead_letter(delivery, ended.history, &note).await?;
        warn!(event_id = ended.event_id(delivery.message()), destination = %self.name,
            attempt = ended.history.attempts, cause = cause.as_str(), reason = note.reason,
            "Gave an event up; it is a dead letter now");
        self.metrics.dead(cause);
        ended.cause = Some(cause);
        ended.status = reason.status;
        Ok(ended.with(Settled::Dead))
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
