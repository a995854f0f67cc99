//! The work on one delivery, from the broker's hand to the ack.
//!
//! The order is the promise: nothing is acked before the destination has answered,
//! or before the broker has confirmed what follows. If the process dies on any line
//! of this file, the broker hands the message over again.

use std::num::NonZeroU32;
use std::time::Duration;

use fanfare_broker::topology::Precision;
use fanfare_broker::{Cause, DeathNote, Delivery, Received};
use fanfare_events::{DecodeError, Event, IdempotencyKey};
use fanfare_process::telemetry::Chain;
use tracing::{debug, error, info, warn};

use crate::attempt::{Attempted, Called};
use crate::clock::{as_ms, now_ms};
use crate::decode::decode;
use crate::destination::{Attempt, Destination};
use crate::ended::{Ended, FinishedDelivery};
use crate::engine::Engine;
use crate::ledger::Publication;
use crate::mask::mask;
use crate::outcome::{Outcome, Reason};
use crate::policy::{Circumstances, Cost, Next, is_poison};
use crate::report::Result as Settled;
use crate::successor::{History, NoSuccessor};

/// What became of a delivery; `None` when the broker took it back meanwhile.
pub(crate) type Finished = Option<FinishedDelivery>;

/// What is to happen to a delivery, whether it was attempted or not.
pub(crate) enum Then {
    /// It is done with.
    Settle(Settled),
    /// It is attempted again, not before a pause. `spent`: what an attempt failed for, if one
    /// was spent.
    Again { pause: Duration, precision: Precision, spent: Option<Reason> },
    /// It is given up.
    GiveUp { cause: Cause, reason: Reason },
}

const LONGEST_MAKING_WAY: Duration = Duration::from_secs(5);

impl<D: Destination> Engine<D> {
    /// Works on `delivery` until it is settled.
    pub(crate) async fn work(&self, delivery: Delivery) -> Finished {
        let worked = self.work_until_settled(&delivery).await;
        self.settle(delivery, worked)
    }

    /// Tells the broker how the work on `delivery` ended.
    pub(crate) fn settle(
        &self,
        delivery: Delivery,
        worked: Result<Ended, NoSuccessor>,
    ) -> Finished {
        match worked {
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
        let ended = Ended::unread(message);
        if is_poison(message.delivery_count()) {
            return self.dead_letter(delivery, ended, Cause::Poison, poison(message)).await;
        }
        if delivery.is_stale() {
            return Err(NoSuccessor::TakenBack);
        }
        let event = match decode(message) {
            Ok(event) => event,
            Err(error) => {
                let reason = undecodable(&error);
                return self.dead_letter(delivery, ended, Cause::Undecodable, reason).await;
            }
        };
        let attempt = self.next_attempt(event, &ended.history);
        let (attempt, ended, then) = self.go(delivery, attempt, ended).await?;
        let ended = Ended { event: Some(attempt.into_event()), ..ended };
        match then {
            Then::Settle(result) => Ok(ended.with(result)),
            Then::Again { pause, precision, spent } => {
                self.successors.delay(delivery, ended.history, pause, precision).await?;
                Ok(ended.with(if spent.is_some() { Settled::Retry } else { Settled::Hold }))
            }
            Then::GiveUp { cause, reason } => {
                self.dead_letter(delivery, ended, cause, reason).await
            }
        }
    }

    /// The attempt that follows those in `history`.
    pub(crate) fn next_attempt(&self, event: Event, history: &History) -> Attempt {
        let key = IdempotencyKey::of(&event, &self.name);
        Attempt::new(event, key, NonZeroU32::MIN.saturating_add(history.attempts))
    }

    /// Makes `attempt`, unless something else is to happen to the event.
    pub(crate) async fn go(
        &self,
        delivery: &Delivery,
        attempt: Attempt,
        ended: Ended,
    ) -> Result<(Attempt, Ended, Then), NoSuccessor> {
        let message = delivery.message();
        let now = now_ms();
        let age = ended.age(message, now);
        if let Some(then) = self.instead(message, attempt.event(), &ended.history, age, now) {
            return Ok((attempt, ended, then));
        }
        if self.is_dead_already(message, attempt.key()).await {
            return Ok((attempt, ended, Then::Settle(Settled::Duplicate)));
        }
        let Some((attempt, attempted)) = self.attempt(delivery, attempt, &ended.history).await
        else {
            return Err(NoSuccessor::TakenBack);
        };
        if !attempted.has_failed()
            && let Some(cost) = cost(&ended.history)
        {
            self.permits.repay(cost);
        }
        match attempted {
            Attempted::TakenBack => Err(NoSuccessor::TakenBack),
            Attempted::Held(pause) => Ok((attempt, ended, Then::make_way(pause))),
            Attempted::Known => Ok((attempt, ended, Then::Settle(Settled::Duplicate))),
            Attempted::Called(called) => {
                let (ended, then) = self.after_call(&attempt, ended, called, age);
                Ok((attempt, ended, then))
            }
        }
    }

    /// Whether an earlier delivery of it ended as a dead letter, and its ack was lost.
    pub(crate) async fn is_dead_already(&self, message: &Received, key: IdempotencyKey) -> bool {
        if !message.redelivered() && message.attempts() == 0 {
            return false;
        }
        match Publication::of(message) {
            Some(publication) => self.ledger.was_given_up(key, &publication).await,
            None => false,
        }
    }

    /// What happens in place of an attempt, as far as it can be told by looking at the event.
    fn instead(
        &self,
        message: &Received,
        event: &Event,
        history: &History,
        age: Duration,
        now_ms: u64,
    ) -> Option<Then> {
        let early = message.not_before_ms().map_or(0, |moment| moment.saturating_sub(now_ms));
        if early > 0 {
            return Some(Then::hold(Duration::from_millis(early)));
        }
        let max_age = self.options.retry.max_age;
        if age > max_age {
            let text = format!("older than {} s, so it was not attempted", max_age.as_secs());
            return Some(Then::GiveUp { cause: Cause::Expired, reason: Reason::new(text) });
        }
        let wanted = self.options.event_types.contains(event.event_type())
            && self.destination.handles(event.event_type());
        if !wanted {
            return Some(Then::Settle(Settled::Skipped));
        }
        // Too many retries failed lately: this one has to wait.
        let paid = cost(history).map_or(Ok(()), |cost| self.permits.spend(cost));
        paid.err().map(Then::hold)
    }

    /// Attempts it, alone or with others; `None` when the broker hands it over again.
    async fn attempt(
        &self,
        delivery: &Delivery,
        attempt: Attempt,
        history: &History,
    ) -> Option<(Attempt, Attempted)> {
        let may_be_known = history.unanswered > 0 || delivery.message().redelivered();
        let attempt = match &self.batcher {
            // What failed before may be what failed the call: it goes alone, so that it takes
            // others with it once at most.
            Some(batcher)
                if attempt.number() == NonZeroU32::MIN
                    && self.destination.fits_batch(attempt.event()) =>
            {
                match self
                    .attempt_together(batcher, attempt, may_be_known, delivery.lifeline())
                    .await
                {
                    Ok(attempted) => return attempted,
                    Err(attempt) => attempt,
                }
            }
            _ => attempt,
        };
        let attempted = self.attempt_singly(delivery, &attempt, may_be_known).await;
        Some((attempt, attempted))
    }

    /// What follows a call, told to the log.
    fn after_call(
        &self,
        attempt: &Attempt,
        ended: Ended,
        called: Called,
        age: Duration,
    ) -> (Ended, Then) {
        let took = called.took;
        self.metrics.attempted(called.outcome.label(), took);
        let mut ended = ended.attempted(&called.outcome, took);
        let closed_for = called.consequence.closed_for();
        let outcome = called.outcome_for(self.options.retry.ambiguous);
        let (number, event_id) = (attempt.number(), attempt.event().id().as_str());
        let first_attempt_at_ms = ended.history.first_attempt_at_ms;
        let spent = History {
            attempts: number.get(),
            first_attempt_at_ms: first_attempt_at_ms.or(Some(now_ms().saturating_sub(as_ms(took)))),
            ..ended.history
        };
        let pause = match outcome {
            Outcome::Delivered => Duration::ZERO,
            _ => self.options.retry.pauses.after(number.get()),
        };
        let seen = Circumstances { attempt: number, age: age.saturating_add(took), pause };
        let next = self.options.retry.next(outcome, seen);
        if !matches!(next, Next::Hold { .. }) {
            ended.history = spent;
        }
        let then = match next {
            Next::Done => {
                debug!(event_id, destination = %self.name, attempt = number.get(),
                    duration_ms = as_ms(took), "Delivered");
                Then::Settle(Settled::Delivered)
            }
            Next::Retry { pause, precision, reason } => {
                info!(event_id, destination = %self.name,
                    attempt = number.get(), duration_ms = as_ms(took),
                    retry_in_ms = as_ms(pause), reason = mask(&reason.text),
                    "An attempt failed, will try again");
                Then::Again { pause, precision, spent: Some(reason) }
            }
            Next::Hold { pause } => Then::make_way(closed_for.or(pause).unwrap_or(seen.pause)),
            Next::HoldAndSpend { pause } => {
                let pause = closed_for.or(pause).unwrap_or_default().max(seen.pause);
                let spent = Some(Reason::new("throttled for too long"));
                Then::Again { pause, precision: Precision::RetryAfter, spent }
            }
            Next::DeadLetter { cause, reason } => Then::GiveUp { cause, reason },
        };
        (ended, then)
    }

    /// Publishes what is left of an event that is given up.
    pub(crate) async fn dead_letter(
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
        if let (Some(event), Some(publication)) =
            (&ended.event, Publication::of(delivery.message()))
        {
            self.ledger.give_up(IdempotencyKey::of(event, &self.name), publication).await;
        }
        warn!(event_id = ended.event_id(delivery.message()), destination = %self.name,
            attempt = ended.history.attempts, cause = cause.as_str(), reason = note.reason,
            "Gave an event up; it is a dead letter now");
        self.metrics.dead(cause);
        ended.cause = Some(cause);
        ended.status = reason.status;
        Ok(ended.with(Settled::Dead))
    }
}

impl Then {
    /// It met trouble, or another process that has it, and makes way for another, which may fare
    /// better. How long nobody is called is up to the gate, and whoever is back before it opens
    /// waits in front of it: so that this event is there as well when the trouble ends early.
    fn make_way(pause: Duration) -> Self {
        Self::hold(pause.min(LONGEST_MAKING_WAY))
    }

    /// It has to wait, and no attempt was spent.
    fn hold(pause: Duration) -> Self {
        Self::Again { pause, precision: Precision::RetryAfter, spent: None }
    }
}

/// Why a message that has probably killed its consumer each time is not attempted.
pub(crate) fn poison(message: &Received) -> Reason {
    let count = message.delivery_count();
    Reason::new(format!("handed over {count} times before and never settled"))
}

pub(crate) fn undecodable(error: &DecodeError) -> Reason {
    Reason::new(Chain(error).to_string())
}

/// What an attempt costs of the retry budget; the first is free.
fn cost(history: &History) -> Option<Cost> {
    match (history.attempts, history.unanswered) {
        (0, _) => None,
        (_, 0) => Some(Cost::AfterAnswer),
        (_, _) => Some(Cost::AfterSilence),
    }
}
