//! One attempt: a permit, a claim on the key, a call, and what it tells.
//!
//! In this order: a claim is held only while its call is made, so that a claim whose process
//! died says that the call may have been made.

use std::panic::AssertUnwindSafe;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_broker::Delivery;
use fanfare_events::IdempotencyKey;
use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::clock::as_ms;
use crate::destination::{Attempt, Destination};
use crate::engine::Engine;
use crate::ledger::{Claim, Claimed, IfTaken};
use crate::mask::mask;
use crate::outcome::{Outcome, Reason, Trouble};
use crate::permits::{Consequence, Ending};
use crate::policy::{AmbiguousPolicy, Loners, RateHint};
use crate::shared::Away;

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// The destination was called.
    Called(Called),
    /// It was not called, because that has to wait.
    Held(Duration),
    /// It was not called, because it has the event already.
    Known,
    /// It was not called, and the broker hands the event over again.
    TakenBack,
}

impl Attempted {
    /// Whether the destination was called for nothing.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self, Self::Called(called) if called.outcome != Outcome::Delivered)
    }
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) outcome: Outcome,
    pub(crate) took: Duration,
    /// What it meant for the destination.
    pub(crate) consequence: Consequence,
}

/// An event whose turn has come.
pub(crate) enum Turn<'a> {
    /// To be called, with the key ours.
    Call(Claimed<'a>),
    /// It is decided without a call.
    Decided(Attempted),
    /// Another attempt of this process at it is under way.
    Taken,
}

/// What the look-ups before a call may take together. A claim's lease covers them besides the
/// call.
pub(crate) const LONGEST_LOOK_UPS: Duration = Duration::from_secs(5);

impl<D: Destination> Engine<D> {
    /// Attempts an event that has a call of its own.
    pub(crate) async fn attempt_singly(
        &self,
        delivery: &Delivery,
        attempt: &Attempt,
        may_be_known: bool,
    ) -> Attempted {
        let (mut permit, claimed) = loop {
            let Ok(permit) = self.permits.acquire().await else { return Attempted::TakenBack };
            if delivery.is_stale() {
                return Attempted::TakenBack;
            }
            let claim = self.ledger.claim(attempt.key(), IfTaken::Wait).await;
            let looked_up = Instant::now() + LONGEST_LOOK_UPS;
            match self.turn(claim, attempt, may_be_known, looked_up).await {
                // While this copy waited, the other one found the destination in trouble.
                Turn::Call(claimed) if claimed.waited && self.permits.trouble().is_some() => {
                    claimed.unused().await;
                }
                // Or the broker gave the event to somebody else.
                Turn::Call(claimed) if delivery.is_stale() => {
                    claimed.unused().await;
                    return Attempted::TakenBack;
                }
                Turn::Call(claimed) => break (permit, claimed),
                Turn::Decided(attempted) => return attempted,
                Turn::Taken => {}
            }
        };
        permit.begin();
        let started = Instant::now();
        let outcome = self.call(self.destination.deliver(attempt)).await.unwrap_or_else(failed);
        let outcome = self.blame(attempt.key(), outcome);
        let took = started.elapsed();
        let consequence = permit.ended(Ending::of(&outcome, took, self.rate_hint()));
        self.tell_news(consequence, outcome.reason());
        self.settle_claim(claimed, &outcome).await;
        Attempted::Called(Called { outcome, took, consequence })
    }

    /// Whether the event is still to be called for, now that it may be. The destination has
    /// until `looked_up` to tell what it knows.
    pub(crate) async fn turn<'a>(
        &self,
        claim: Claim<'a>,
        attempt: &Attempt,
        may_be_known: bool,
        looked_up: Instant,
    ) -> Turn<'a> {
        let claimed = match claim {
            Claim::Ours(claimed) => claimed,
            Claim::Taken => return Turn::Taken,
            // It makes way: what a dead process was calling for would keep every place taken
            // until the leases run out.
            Claim::Elsewhere(left) => return Turn::Decided(Attempted::Held(left)),
            Claim::Delivered => return Turn::Decided(Attempted::Known),
            Claim::Unavailable(away) => return Turn::Decided(self.hold_for_ledger(&away)),
        };
        if !may_be_known && !claimed.abandoned {
            return Turn::Call(claimed);
        }
        let left = looked_up - Instant::now();
        let asked = within(left, self.destination.was_delivered(attempt)).await;
        if let Ok(Some(true)) = asked {
            claimed.delivered().await;
            return Turn::Decided(Attempted::Known);
        }
        if claimed.abandoned && !self.resends() {
            let reason = Reason::new("an earlier call may have been made, and its end is unknown");
            claimed.release().await;
            return Turn::Decided(Attempted::Called(Called::without(Outcome::Ambiguous {
                reason,
            })));
        }
        self.metrics.repeated();
        Turn::Call(claimed)
    }

    /// Whose trouble it is: an event that others were delivered in spite of goes on at its own
    /// expense.
    fn blame(&self, key: IdempotencyKey, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Hold { reason, trouble: Trouble::Unauthorized, .. }
                if self.permits.trouble().is_none() && self.loners().is_alone(key) =>
            {
                let text = format!("{}, to this event and not to others", reason.text);
                Outcome::Retry { reason: Reason { text, ..reason }, after: None }
            }
            other => other,
        }
    }

    fn loners(&self) -> MutexGuard<'_, Loners> {
        self.loners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resends(&self) -> bool {
        self.options.retry.ambiguous == AmbiguousPolicy::Resend
    }

    /// One call, whatever the destination's code does.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = T>) -> Result<T, NoAnswer> {
        within(self.options.call_deadline, call).await
    }

    /// What the last answer said about the calls that are left.
    pub(crate) fn rate_hint(&self) -> Option<RateHint> {
        self.destination.client()?.take_rate_hint()
    }

    /// Known before the ack leaves: a redelivery finds it in the ledger.
    pub(crate) async fn settle_claim(&self, claimed: Claimed<'_>, outcome: &Outcome) {
        match outcome {
            Outcome::Delivered => claimed.delivered().await,
            // Whoever has the event next is told that this call may have delivered it.
            Outcome::Ambiguous { .. } if self.resends() => drop(claimed),
            // A person decides, and a replay is their word.
            Outcome::Ambiguous { .. }
            | Outcome::Retry { .. }
            | Outcome::Rejected { .. }
            | Outcome::Hold { .. } => {
                claimed.release().await;
            }
        }
    }

    /// Calls nobody while it is unknown what was delivered.
    fn hold_for_ledger(&self, away: &Away) -> Attempted {
        let consequence = self.permits.hold(Trouble::Unreachable);
        self.tell_news(consequence, Some(&Reason::new(away.to_string())));
        Attempted::Held(consequence.closed_for().unwrap_or_default())
    }

    /// Says in the log, and to the other replicas, what is new.
    pub(crate) fn tell_news(&self, consequence: Consequence, reason: Option<&Reason>) {
        let why = || reason.map(|reason| mask(&reason.text)).unwrap_or_default();
        if let Some(closed) = consequence.closed {
            if closed.is_news {
                warn!(destination = %self.name, trouble = closed.trouble.as_str(), reason = why(),
                    pause_ms = as_ms(closed.until - Instant::now()),
                    "The destination is in trouble; holding everything, spending no attempts");
            }
            if closed.trouble == Trouble::Disabled {
                self.outbox.disabled(why());
            } else if closed.is_shared {
                self.outbox.held(closed.until, closed.trouble, why());
            } else if closed.is_news || consequence.probe_failed {
                self.outbox.troubled(closed.until, closed.trouble, why(), closed.is_news);
            }
        }
        if consequence.opened {
            info!(destination = %self.name, "The destination is well again");
            self.loners().opened();
            self.outbox.well();
        }
    }
}

/// Why a call of the destination's code brought nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoAnswer {
    Panicked,
    InTime(Duration),
}

async fn within<T>(deadline: Duration, call: impl Future<Output = T>) -> Result<T, NoAnswer> {
    match tokio::time::timeout(deadline, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(NoAnswer::Panicked),
        Err(_) => Err(NoAnswer::InTime(deadline)),
    }
}

/// What it means for an event.
pub(crate) fn failed(why: NoAnswer) -> Outcome {
    match why {
        // The state behind is the destination's own; another event may fare better.
        NoAnswer::Panicked => {
            Outcome::Retry { reason: Reason::new("the destination's code panicked"), after: None }
        }
        NoAnswer::InTime(deadline) => Outcome::Ambiguous {
            reason: Reason::new(format!("no answer within {} s", deadline.as_secs_f64())),
        },
    }
}

impl Called {
    /// An outcome that took no call of ours.
    fn without(outcome: Outcome) -> Self {
        Self { outcome, took: Duration::ZERO, consequence: Consequence::default() }
    }

    /// The outcome as the retry policy is to see it: what is excused spends no attempt.
    pub(crate) fn outcome_for(self, ambiguous: AmbiguousPolicy) -> Outcome {
        let Self { outcome, consequence, .. } = self;
        if !consequence.is_excused {
            return outcome;
        }
        match outcome {
            Outcome::Retry { reason, .. } => excused(reason),
            Outcome::Ambiguous { reason } if ambiguous == AmbiguousPolicy::Resend => {
                excused(reason)
            }
            other => other,
        }
    }
}

fn excused(reason: Reason) -> Outcome {
    Outcome::Hold { reason, trouble: Trouble::Failing, pause: None }
}
