//! The retry budget: how much of a destination's work may be repetition.
//!
//! The schedule spaces the retries of one event; it knows nothing of the thousand others.
//! When everything fails, they together are a second load on a destination that cannot carry
//! the first. So every retry is paid from one purse that successes fill, the token bucket of
//! the AWS SDKs' standard retry mode. There an empty purse fails the call; here the event
//! waits, since it is safe in its queue.

use std::time::Duration;

use tokio::time::Instant;

/// A destination's purse for retries. First attempts are free.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: u32,
    /// Up to when time was paid out.
    paid_until: Instant,
}

/// What a retry costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// After an answer.
    AfterAnswer,
    /// After none: the call held a place at the destination for its whole deadline, and may
    /// hold it there still.
    AfterSilence,
}

/// A hundred retries without a single success, as in the AWS SDKs.
const FULL: u32 = 500;
const AFTER_ANSWER: u32 = 5;
const AFTER_SILENCE: u32 = 10;
const PER_SUCCESS: u32 = 1;
/// A destination that has only retries left has no success that could pay for the first of
/// them. One token per second is one retry every five: no load, and an end to the wait.
const PER_TOKEN: Duration = Duration::from_secs(1);

impl RetryBudget {
    /// A full purse.
    pub(crate) fn new(now: Instant) -> Self {
        Self { tokens: FULL, paid_until: now }
    }

    /// Pays for a retry that is to start now, or says how long to wait at least.
    ///
    /// Whoever waited has no claim: another may have been quicker, so it asks again.
    pub(crate) fn take(&mut self, now: Instant, cost: Cost) -> Result<(), Duration> {
        self.pay_out(now);
        let price = cost.tokens();
        if let Some(left) = self.tokens.checked_sub(price) {
            self.tokens = left;
            return Ok(());
        }
        let paid_by = self.paid_until + PER_TOKEN * (price - self.tokens);
        Err(paid_by - now)
    }

    /// An attempt of any number succeeded.
    pub(crate) fn succeeded(&mut self) {
        self.tokens = (self.tokens + PER_SUCCESS).min(FULL);
    }

    /// What a retry cost is there again when it did not fail, as in the AWS SDKs: a hundred
    /// events that fell with one call, and that only one of them failed, repeat at once.
    pub(crate) fn repay(&mut self, cost: Cost) {
        self.tokens = (self.tokens + cost.tokens()).min(FULL);
    }

    fn pay_out(&mut self, now: Instant) {
        let tokens = (now - self.paid_until).as_secs() / PER_TOKEN.as_secs();
        // A purse that stood still for years is full, whatever the number.
        let tokens = u32::try_from(tokens).unwrap_or(FULL);
        if tokens >= FULL - self.tokens {
            (self.tokens, self.paid_until) = (FULL, now);
        } else {
            self.tokens += tokens;
            self.paid_until += PER_TOKEN * tokens;
        }
    }
}

impl Cost {
    const fn tokens(self) -> u32 {
        match self {
            Self::AfterAnswer => AFTER_ANSWER,
            Self::AfterSilence => AFTER_SILENCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn empty(now: Instant) -> RetryBudget {
        RetryBudget { tokens: 0, ..RetryBudget::new(now) }
    }

    fn retries(budget: &mut RetryBudget, now: Instant, cost: Cost) -> usize {
        (0..10_000).take_while(|_| budget.take(now, cost).is_ok()).count()
    }

    #[test]
    fn a_full_purse_pays_a_hundred_retries_or_fifty_after_silence() {
        let now = Instant::now();
        assert_eq!(retries(&mut RetryBudget::new(now), now, Cost::AfterAnswer), 100);
        assert_eq!(retries(&mut RetryBudget::new(now), now, Cost::AfterSilence), 50);
    }

    #[test]
    fn retries_that_do_not_fail_cost_nothing() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now);
        for round in 0..100 {
            assert_eq!(retries(&mut budget, now, Cost::AfterAnswer), 100, "round {round}");
            (0..100).for_each(|_| budget.repay(Cost::AfterAnswer));
        }
        budget.repay(Cost::AfterSilence);
        assert_eq!(retries(&mut budget, now, Cost::AfterSilence), 50, "a purse has a top");
    }

    #[test]
    fn five_successes_pay_one_retry_and_a_purse_has_a_bottom_and_a_top() {
        let now = Instant::now();
        let mut budget = empty(now);
        for successes in 1..=100 {
            budget.succeeded();
            let paid = budget.take(now, Cost::AfterAnswer).is_ok();
            assert_eq!(paid, successes % 5 == 0, "after {successes} successes");
        }
        (0..10_000).for_each(|_| budget.succeeded());
        assert_eq!(retries(&mut budget, now, Cost::AfterAnswer), 100);
    }

    #[test]
    fn an_empty_purse_names_the_wait_that_is_enough_and_not_a_moment_more() {
        let start = Instant::now();
        for (cost, wait) in [(Cost::AfterAnswer, 5 * SECOND), (Cost::AfterSilence, 10 * SECOND)] {
            let mut budget = empty(start);
            assert_eq!(budget.take(start, cost), Err(wait));
            // Asking does not start the wait over.
            let later = start + Duration::from_millis(1_700);
            assert_eq!(budget.take(later, cost), Err(start + wait - later));
            let almost = start + wait - Duration::from_nanos(1);
            assert_eq!(budget.take(almost, cost), Err(Duration::from_nanos(1)));
            assert_eq!(budget.take(start + wait, cost), Ok(()));
            assert_eq!(budget.take(start + wait, cost), Err(wait));
        }
    }

    #[test]
    fn a_destination_with_nothing_but_retries_goes_on_at_one_in_five_seconds() {
        let start = Instant::now();
        let (mut budget, mut now) = (empty(start), start);
        for _ in 0..720 {
            match budget.take(now, Cost::AfterAnswer) {
                Ok(()) => {}
                Err(wait) => now += wait,
            }
        }
        assert_eq!(now - start, Duration::from_secs(360 * 5));
    }

    #[test]
    fn years_of_rest_fill_it_once() {
        let start = Instant::now();
        let mut budget = empty(start);
        let much_later = start + Duration::from_secs(200 * 365 * 24 * 60 * 60);
        assert_eq!(retries(&mut budget, much_later, Cost::AfterAnswer), 100);
        assert_eq!(budget.take(much_later, Cost::AfterAnswer), Err(5 * SECOND));
    }

    #[test]
    fn time_that_passed_on_a_full_purse_is_not_saved_up() {
        let start = Instant::now();
        let mut budget = RetryBudget::new(start);
        let now = start + 1_000 * SECOND;
        assert_eq!(retries(&mut budget, now, Cost::AfterAnswer), 100);
        assert_eq!(budget.take(now, Cost::AfterAnswer), Err(5 * SECOND));
    }
}
