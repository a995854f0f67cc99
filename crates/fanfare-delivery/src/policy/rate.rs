//! The rate limit that an operator sets: at most so many calls in any span of a given length.
//!
//! Not `governor`. Its algorithm (GCRA) lets a burst of N through and then one more every
//! W/N, which is up to 2N in the window that starts just before the burst. An API that counts
//! a rolling window answers 429 to half of them. It also judges when calls leave, while the
//! API counts when they arrive, and a network may bring two batches close together. So the
//! calls are counted, from both ends: a place is taken when a call starts and is free again
//! one window after the call *ended*. The call arrived in between, so two calls that used the
//! same place arrived at least one window apart, and of N + 1 calls two used the same place.
//!
//! The one exception cannot be closed from here: a call given up by its deadline may arrive
//! later than it ended.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use fanfare_process::settings::Setting as _;
use tokio::time::Instant;

/// So many calls in any span of that length, such as `100/10s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls, at most [`MOST_CALLS`](Self::MOST_CALLS).
    pub calls: NonZeroU32,
    /// The span.
    pub per: Duration,
}

/// A text that is no rate limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRateLimit {
    /// It does not read `calls/span`.
    #[error("is not a number of calls and a span such as 100/10s or 5/s")]
    Form,
    /// No such number of calls is counted.
    #[error(
        "is not a limit of 1 to {} calls; take fewer calls in a shorter span",
        RateLimit::MOST_CALLS
    )]
    Calls,
    /// No such span is counted.
    #[error("is not a limit over 1ms to 24h")]
    Span,
}

/// The places of a [`RateLimit`].
#[derive(Debug)]
pub(crate) struct RateWindow {
    limit: RateLimit,
    /// Places of calls that have not ended.
    under_way: usize,
    /// When the places of ended calls are free again, the earliest first.
    free_at: VecDeque<Instant>,
}

/// A place that a call holds. To be given back by [`RateWindow::ended`] or, if no call was
/// made, by [`RateWindow::unused`]; one that is dropped is taken for good.
#[must_use]
#[derive(Debug)]
pub(crate) struct Place(());

/// Why no call may start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Not before this moment.
    Until(Instant),
    /// Not before one of the calls that are under way has ended.
    AfterCalls,
}

const LONGEST_SPAN: Duration = Duration::from_secs(24 * 60 * 60);

impl RateLimit {
    /// Every call of a window is remembered, 16 bytes each.
    pub const MOST_CALLS: u32 = 100_000;
}

impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (calls, per) = text.split_once('/').ok_or(InvalidRateLimit::Form)?;
        if calls.is_empty() || !calls.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidRateLimit::Form);
        }
        let calls = calls
            .parse()
            .ok()
            .filter(|calls: &NonZeroU32| calls.get() <= Self::MOST_CALLS)
            .ok_or(InvalidRateLimit::Calls)?;
        // `5/s` is how everybody says `5/1s`.
        let one = if per.starts_with(|first: char| first.is_ascii_digit()) { "" } else { "1" };
        let per = Duration::parse(&format!("{one}{per}")).map_err(|_| InvalidRateLimit::Form)?;
        if per.is_zero() || per > LONGEST_SPAN {
            return Err(InvalidRateLimit::Span);
        }
        Ok(Self { calls, per })
    }
}

impl RateWindow {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, under_way: 0, free_at: VecDeque::new() }
    }

    /// A place for a call that starts now.
    pub(crate) fn take(&mut self, now: Instant) -> Result<Place, Wait> {
        while self.free_at.front().is_some_and(|free| *free <= now) {
            self.free_at.pop_front();
        }
        if self.under_way + self.free_at.len() < self.limit.calls.get() as usize {
            self.under_way += 1;
            return Ok(Place(()));
        }
        // A call that is under way frees its place one window from now at the earliest,
        // which is after the first of those that have ended.
        Err(self.free_at.front().map_or(Wait::AfterCalls, |free| Wait::Until(*free)))
    }

    /// The call ended, with whatever result. `now` never goes back from call to call.
    pub(crate) fn ended(&mut self, _: Place, now: Instant) {
        self.under_way -= 1;
        self.free_at.push_back(now + self.limit.per);
    }

    /// No call was made.
    pub(crate) fn unused(&mut self, _: Place) {
        self.under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn window(limit: &str) -> RateWindow {
        RateWindow::new(limit.parse().unwrap())
    }

    #[test]
    fn a_limit_is_calls_and_a_span() {
        use InvalidRateLimit::{Calls, Form, Span};
        let limit = |calls, per| Ok(RateLimit { calls: NonZeroU32::new(calls).unwrap(), per });
        for (text, expected) in [
            ("100/10s", limit(100, 10 * SECOND)),
            ("1/1ms", limit(1, Duration::from_millis(1))),
            ("5/s", limit(5, SECOND)),
            ("600/m", limit(600, 60 * SECOND)),
            ("100000/24h", limit(100_000, 24 * 60 * 60 * SECOND)),
            ("", Err(Form)),
            ("off", Err(Form)),
            ("100", Err(Form)),
            ("100/", Err(Form)),
            ("100/10", Err(Form)),
            ("/10s", Err(Form)),
            ("+1/10s", Err(Form)),
            ("-1/10s", Err(Form)),
            ("1.5/s", Err(Form)),
            ("100 / 10s", Err(Form)),
            ("100/10s/1s", Err(Form)),
            ("100/-10s", Err(Form)),
            ("0/10s", Err(Calls)),
            ("100001/10s", Err(Calls)),
            ("99999999999/10s", Err(Calls)),
            ("100/0s", Err(Span)),
            ("100/25h", Err(Span)),
        ] {
            assert_eq!(text.parse::<RateLimit>(), expected, "{text}");
        }
    }

    #[test]
    fn a_place_is_free_one_window_after_its_call_ended() {
        let start = Instant::now();
        let mut window = window("2/10s");
        let (first, second) = (window.take(start).unwrap(), window.take(start).unwrap());
        assert_eq!(window.take(start).unwrap_err(), Wait::AfterCalls);
        window.ended(first, start + 3 * SECOND);
        window.ended(second, start + 4 * SECOND);
        let free = start + 13 * SECOND;
        let almost = free - Duration::from_nanos(1);
        assert_eq!(window.take(almost).unwrap_err(), Wait::Until(free));
        let _third = window.take(free).unwrap();
        assert_eq!(window.take(free).unwrap_err(), Wait::Until(free + SECOND));
    }

    #[test]
    fn a_place_without_a_call_is_free_at_once() {
        let now = Instant::now();
        let mut window = window("1/10s");
        for _ in 0..100 {
            let place = window.take(now).unwrap();
            assert!(window.take(now).is_err());
            window.unused(place);
        }
        assert!(window.free_at.is_empty());
    }

    /// A call as an API sees it: how long it took, and when within that time it arrived.
    #[derive(Clone, Debug)]
    struct Call {
        pause_before: u64,
        takes: u64,
        arrives: f64,
    }

    fn calls() -> impl Strategy<Value = Vec<Call>> {
        // Many start at once, some after a while; some take longer than the window.
        let pause = prop_oneof![4 => Just(0), 1 => 0..3_000_u64];
        let takes = prop_oneof![3 => 0..50_u64, 1 => 0..2_500_u64];
        let call = (pause, takes, 0.0..=1.0).prop_map(|(pause_before, takes, arrives)| Call {
            pause_before,
            takes,
            arrives,
        });
        vec(call, 1..400)
    }

    /// Starts every call as early as the window lets it; returns when they arrive, in order.
    fn arrivals(window: &mut RateWindow, calls: &[Call]) -> Vec<f64> {
        let epoch = Instant::now();
        let (mut now, mut under_way, mut arrivals) = (0, Vec::<(u64, Place)>::new(), Vec::new());
        for call in calls {
            now += call.pause_before;
            let place = loop {
                under_way.sort_by_key(|(end, _)| *end);
                while under_way.first().is_some_and(|(end, _)| *end <= now) {
                    let (end, place) = under_way.remove(0);
                    window.ended(place, epoch + Duration::from_millis(end));
                }
                match window.take(epoch + Duration::from_millis(now)) {
                    Ok(place) => break place,
                    // A call that ends before that moment changes nothing about it.
                    Err(Wait::Until(moment)) => now = (moment - epoch).as_millis() as u64,
                    Err(Wait::AfterCalls) => now = under_way[0].0,
                }
            };
            arrivals.push(now as f64 + call.takes as f64 * call.arrives);
            under_way.push((now + call.takes, place));
        }
        arrivals.sort_by(f64::total_cmp);
        arrivals
    }

    proptest! {
        #[test]
        fn no_window_of_the_api_ever_holds_more_calls_than_the_limit(
            calls in calls(),
            most in 1..20_u32,
        ) {
            let mut window = window(&format!("{most}/1s"));
            let arrivals = arrivals(&mut window, &calls);
            for one_too_many in arrivals.windows(most as usize + 1) {
                let span = one_too_many[most as usize] - one_too_many[0];
                prop_assert!(span >= 1_000.0, "{most} + 1 calls within {span} ms");
            }
            prop_assert!(window.free_at.len() + window.under_way <= most as usize);
        }
    }
}
