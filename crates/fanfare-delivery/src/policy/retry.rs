//! The retry policy: what the engine does with an outcome.

use std::num::NonZeroU32;
use std::time::Duration;

use fanfare_broker::topology::Precision;
use fanfare_broker::{Cause, ExponentialPauses};

use crate::outcome::{Outcome, Reason, Trouble};

/// How often, how long apart and until when an event is attempted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The pauses between attempts.
    pub pauses: ExponentialPauses,
    /// Attempts, the first included.
    pub max_attempts: NonZeroU32,
    /// Age after which an event is not attempted again.
    pub max_age: Duration,
    /// Age after which being throttled spends attempts like any other failure.
    pub max_throttle_age: Duration,
    /// What follows a call without an answer.
    pub ambiguous: AmbiguousPolicy,
}

/// What follows a call that was sent and got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmbiguousPolicy {
    /// Attempt again, with the same idempotency key.
    Resend,
    /// Dead-letter, for a person to find out.
    Hold,
}

/// What the policy looks at besides the outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// The attempt that ended, from 1.
    pub(crate) attempt: NonZeroU32,
    /// Time since the event was published.
    pub(crate) age: Duration,
    /// The pause that the schedule drew for this attempt.
    pub(crate) pause: Duration,
}

/// What the engine does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing; the destination has the event.
    Done,
    /// Attempt again after a pause.
    Retry { pause: Duration, precision: Precision, reason: Reason },
    /// Keep the attempt, and come again when the destination may be well.
    Hold { pause: Option<Duration> },
    /// The same, and count the attempt.
    HoldAndSpend { pause: Option<Duration> },
    /// Give the event up.
    DeadLetter { cause: Cause, reason: Reason },
}

impl Default for RetryPolicy {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        const ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(11);
        Self {
            pauses: ExponentialPauses::new(Duration::from_secs(1), HOUR),
            max_attempts: ATTEMPTS,
            max_age: 24 * HOUR,
            max_throttle_age: HOUR,
            ambiguous: AmbiguousPolicy::Resend,
        }
    }
}

impl RetryPolicy {
    /// The longest pauses between attempts, as an operator reads the schedule.
    pub fn schedule(&self) -> Vec<Duration> {
        (1..self.max_attempts.get()).map(|attempt| self.pauses.ceiling(attempt)).collect()
    }

    /// What follows `outcome`. The whole policy.
    pub(crate) fn next(&self, outcome: Outcome, seen: Circumstances) -> Next {
        match outcome {
            Outcome::Delivered => Next::Done,
            Outcome::Rejected { reason } => Next::DeadLetter { cause: Cause::Rejected, reason },
            Outcome::Retry { reason, after } => self.retry(reason, after, seen),
            Outcome::Ambiguous { reason } => match self.ambiguous {
                AmbiguousPolicy::Resend => self.retry(reason, None, seen),
                AmbiguousPolicy::Hold => Next::DeadLetter { cause: Cause::Ambiguous, reason },
            },
            Outcome::Hold { reason, trouble, pause } => self.hold(reason, trouble, pause, seen),
        }
    }

    fn retry(&self, reason: Reason, after: Option<Duration>, seen: Circumstances) -> Next {
        if seen.attempt >= self.max_attempts {
            let text = format!("gave up after attempt {}: {}", seen.attempt, reason.text);
            return Next::DeadLetter { cause: Cause::Exhausted, reason: Reason { text, ..reason } };
        }
        let (pause, precision) = match after {
            Some(after) if after > seen.pause => (after, Precision::RetryAfter),
            _ => (seen.pause, Precision::Backoff),
        };
        if seen.age.saturating_add(pause) > self.max_age {
            return Next::DeadLetter { cause: Cause::Expired, reason: self.too_old(reason) };
        }
        Next::Retry { pause, precision, reason }
    }

    fn hold(
        &self,
        reason: Reason,
        trouble: Trouble,
        pause: Option<Duration>,
        seen: Circumstances,
    ) -> Next {
        if trouble == Trouble::Throttled && seen.age > self.max_throttle_age {
            return match self.retry(reason, pause, seen) {
                Next::Retry { .. } => Next::HoldAndSpend { pause },
                given_up => given_up,
            };
        }
        Next::Hold { pause }
    }

    fn too_old(&self, reason: Reason) -> Reason {
        let text =
            format!("older than {} s at its next attempt: {}", self.max_age.as_secs(), reason.text);
        Reason { text, ..reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn seen(attempt: u32, age: Duration) -> Circumstances {
        Circumstances { attempt: NonZeroU32::new(attempt).unwrap(), age, pause: 2 * SECOND }
    }

    fn retry(after: Option<Duration>) -> Outcome {
        Outcome::Retry { reason: Reason::new("busy"), after }
    }

    fn hold(trouble: Trouble) -> Outcome {
        Outcome::Hold { reason: Reason::new("trouble"), trouble, pause: Some(SECOND) }
    }

    #[test]
    fn the_default_schedule_is_the_documented_one() {
        let seconds: Vec<_> =
            RetryPolicy::default().schedule().iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
    }

    #[test]
    fn delivered_is_done_and_rejected_is_dead_at_once() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.next(Outcome::Delivered, seen(1, SECOND)), Next::Done);
        let rejected = policy.next(Outcome::rejected("no"), seen(1, SECOND));
        assert!(matches!(rejected, Next::DeadLetter { cause: Cause::Rejected, .. }));
    }

    #[test]
    fn a_retry_waits_for_the_longer_of_schedule_and_retry_after() {
        let policy = RetryPolicy::default();
        for (after, pause, precision) in [
            (None, 2 * SECOND, Precision::Backoff),
            (Some(SECOND), 2 * SECOND, Precision::Backoff),
            (Some(30 * SECOND), 30 * SECOND, Precision::RetryAfter),
        ] {
            let next = policy.next(retry(after), seen(1, SECOND));
            assert_eq!(next, Next::Retry { pause, precision, reason: Reason::new("busy") });
        }
    }

    #[test]
    fn attempts_and_age_end_the_retries() {
        let policy = RetryPolicy::default();
        let last = policy.next(retry(None), seen(12, SECOND));
        let Next::DeadLetter { cause: Cause::Exhausted, reason } = last else { panic!("{last:?}") };
        assert_eq!(reason.text, "gave up after attempt 12: busy");

        let old = policy.next(retry(None), seen(2, policy.max_age - SECOND));
        assert!(matches!(old, Next::DeadLetter { cause: Cause::Expired, .. }), "{old:?}");
        let in_time = policy.next(retry(None), seen(2, policy.max_age - 2 * SECOND));
        assert!(matches!(in_time, Next::Retry { .. }), "{in_time:?}");
    }

    #[test]
    fn what_may_have_been_delivered_follows_the_setting() {
        let outcome = Outcome::Ambiguous { reason: Reason::new("no answer") };
        let resend = RetryPolicy::default();
        assert!(matches!(resend.next(outcome.clone(), seen(1, SECOND)), Next::Retry { .. }));
        let hold = RetryPolicy { ambiguous: AmbiguousPolicy::Hold, ..resend };
        let held = hold.next(outcome, seen(1, SECOND));
        assert!(matches!(held, Next::DeadLetter { cause: Cause::Ambiguous, .. }), "{held:?}");
    }

    #[test]
    fn trouble_spends_no_attempt_until_being_throttled_gets_old() {
        let policy = RetryPolicy::default();
        let all = [
            Trouble::Throttled,
            Trouble::Unreachable,
            Trouble::Unauthorized,
            Trouble::Disabled,
            Trouble::Untrusted,
        ];
        for trouble in all {
            // Even on the last attempt.
            let next = policy.next(hold(trouble), seen(12, SECOND));
            assert!(matches!(next, Next::Hold { .. }), "{next:?}");
        }
        let old = policy.max_throttle_age + SECOND;
        let spent = policy.next(hold(Trouble::Throttled), seen(1, old));
        assert!(matches!(spent, Next::HoldAndSpend { .. }), "{spent:?}");
        let dead = policy.next(hold(Trouble::Throttled), seen(12, old));
        assert!(matches!(dead, Next::DeadLetter { cause: Cause::Exhausted, .. }), "{dead:?}");
        let unreachable = policy.next(hold(Trouble::Unreachable), seen(12, old));
        assert!(matches!(unreachable, Next::Hold { .. }), "{unreachable:?}");
    }
}
