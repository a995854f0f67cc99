//! The work on one delivery, from the broker's hand to the ack.
//!
//! The order is the promise: nothing is acked before the destination has answered,
//! or before the broker has confirmed what follows. If the process dies on any line
//! of this file, the broker hands the message over again.

use std::num::NonZeroU32;
use std::time::Duration;

use fanfare_broker::topology::Precision;
use fanfare_broker::{Cause, DeathNote, Delivery, Received};
use fanfare_events::{Event, IdempotencyKey};
use fanfare_process::telemetry::Chain;
use tracing::{debug, error, info, warn};

use crate::attempt::{Attempted, Called};
use crate::clock::{as_ms, now_ms};
use crate::decode::decode;
use crate::destination::{Attempt, Destination};
use crate::ended::{Ended, FinishedDelivery};
use crate::engine::Engine;
use crate::mask::mask;
use crate::outcome::{Outcome, Reason};
use crate::policy::{Circumstances, Cost, Next, is_poison};
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

/// An event that met trouble, or another process that has it, makes way for another, which may
/// fare better. How long nobody is called is up to the gate, and whoever is back before it opens
/// waits in front of it: so that this event is there as well when the trouble ends early.
const LONGEST_MAKING_WAY: Duration = Duration::from_secs(5);

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
        if is_poison(message.delivery_count()) {
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
        if let Some(instead) = self.instead(message, &event, age, now) {
            let ended = Ended { event: Some(event), ..ended };
            return self.settle_instead(delivery, ended, instead).await;
        }
        let key = IdempotencyKey::of(&event, &self.name);
        let number = NonZeroU32::MIN.saturating_add(ended.history.attempts);
        let attempt = Attempt::new(event, key, number);
        let Some((attempt, attempted)) = self.attempt(delivery, attempt).await else {
            return Err(NoSuccessor::TakenBack);
        };
        if !attempted.has_failed()
            && let Some(cost) = cost(message)
        {
            self.permits.repay(cost);
        }
        let ended = Ended { event: Some(attempt.into_event()), ..ended };
        match attempted {
            Attempted::TakenBack => Err(NoSuccessor::TakenBack),
            Attempted::Held(pause) => {
                let pause = pause.min(LONGEST_MAKING_WAY);
                self.settle_instead(delivery, ended, Instead::Delay(pause)).await
            }
            Attempted::Known => Ok(ended.with(Settled::Duplicate)),
            Attempted::Called(called) => self.settle(delivery, ended, number, called, age).await,
        }
    }

    /// What happens in place of an attempt, as far as it can be told by looking at the event.
    fn instead(
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
        if !wanted {
            return Some(Instead::Settle(Settled::Skipped));
        }
        // Too many retries failed lately: this one has to wait.
        let paid = cost(message).map_or(Ok(()), |cost| self.permits.spend(cost));
        paid.err().map(Instead::Delay)
    }

    async fn settle_instead(
        &self,
        delivery: &Delivery,
        ended: Ended,
        instead: Instead,
    ) -> Result<Ended, NoSuccessor> {
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

    /// Attempts it, alone or with others; `None` when the broker hands it over again.
    async fn attempt(&self, delivery: &Delivery, attempt: Attempt) -> Option<(Attempt, Attempted)> {
        let message = delivery.message();
        let may_be_known = message.unanswered() > 0 || message.redelivered();
        let attempt = match &self.batcher {
            // What failed before may be what failed the call: it goes alone, so that it takes
            // others with it once at most.
            Some(batcher)
                if attempt.number() == NonZeroU32::MIN
                    && self.destination.fits_batch(attempt.event()) =>
            {
                match self.attempt_together(batcher, attempt, may_be_known).await {
                    Ok(attempted) => return attempted,
                    Err(attempt) => attempt,
                }
            }
            _ => attempt,
        };
        let attempted = self.attempt_singly(delivery, &attempt, may_be_known).await;
        Some((attempt, attempted))
    }

    async fn settle(
        &self,
        delivery: &Delivery,
        ended: Ended,
        number: NonZeroU32,
        called: Called,
        age: Duration,
    ) -> Result<Ended, NoSuccessor> {
        let took = called.took;
        self.metrics.attempted(called.outcome.label(), took);
        let mut ended = ended.attempted(&called.outcome, took);
        let closed_for = called.consequence.closed_for();
        let outcome = called.outcome_for(self.options.retry.ambiguous);
        let first_attempt_at_ms = ended.history.first_attempt_at_ms;
        let spent = History {
            attempts: number.get(),
            first_attempt_at_ms: first_attempt_at_ms.or(Some(now_ms().saturating_sub(as_ms(took)))),
            ..ended.history
        };
        let message = delivery.message();
        let pause = match outcome {
            Outcome::Delivered => Duration::ZERO,
            _ => self.options.retry.pauses.after(number.get()),
        };
        let seen = Circumstances { attempt: number, age: age.saturating_add(took), pause };
        match self.options.retry.next(outcome, seen) {
            Next::Done => {
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
            Next::Hold { pause } => {
                let history = ended.history;
                let pause = closed_for.or(pause).unwrap_or(seen.pause).min(LONGEST_MAKING_WAY);
                self.successors.delay(delivery, history, pause, Precision::RetryAfter).await?;
                Ok(ended.with(Settled::Hold))
            }
            Next::HoldAndSpend { pause } => {
                ended.history = spent;
                let pause = closed_for.or(pause).unwrap_or_default().max(seen.pause);
                self.successors.delay(delivery, spent, pause, Precision::RetryAfter).await?;
                Ok(ended.with(Settled::Retry))
            }
            Next::DeadLetter { cause, reason } => {
                ended.history = spent;
                self.dead_letter(delivery, ended, cause, reason).await
            }
        }
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
}

/// What an attempt costs of the retry budget; the first is free.
fn cost(message: &Received) -> Option<Cost> {
    match (message.attempts(), message.unanswered()) {
        (0, _) => None,
        (_, 0) => Some(Cost::AfterAnswer),
        (_, _) => Some(Cost::AfterSilence),
    }
}
