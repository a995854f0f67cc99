//! The rate limit that an API's own headers tell, followed without waiting for a 429.
//!
//! A header says how many calls were left when *its* call was counted. Of the calls that are
//! under way since, some are counted in that number and some are not, and answers overtake
//! each other. So two bounds are kept apart. Every answer may tighten: no more than it left,
//! less what is under way. An answer may loosen only by what holds in the worst order of
//! arrival, where every call that was under way at any time since it started came after it.

use std::time::Duration;

use tokio::time::Instant;

use super::rate::Wait;

/// What an answer said about the calls that an API still takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateHint {
    /// Calls in a whole window, if it said so.
    pub limit: Option<u32>,
    /// Calls left in this window, this one counted.
    pub remaining: u32,
    /// When all of them are there again, from now.
    pub resets_in: Duration,
}

/// The calls that an API's headers let through.
#[derive(Debug, Default)]
pub(crate) struct HintedLimit {
    known: Option<Known>,
    /// Calls that have ended, ever.
    ended: u64,
}

/// What a call remembers of its start.
#[must_use]
#[derive(Debug)]
pub(crate) struct Asked {
    ended_before: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    limit: Option<u32>,
    /// Calls that may still start.
    left: u64,
    /// Until when, or `None` in a window that no answer has come from yet.
    until: Option<Instant>,
}

/// A hint is not a `Retry-After`: nobody asked for a pause. A reset that is further away (a
/// daily quota, a mistake) is asked about again by then, which costs one call.
const LONGEST_TRUSTED: Duration = Duration::from_secs(60 * 60);

impl HintedLimit {
    /// Whether a call may start now while `in_flight` others are under way.
    pub(crate) fn admission(&mut self, in_flight: usize, now: Instant) -> Result<(), Wait> {
        self.renew(in_flight, now);
        match self.known {
            None => Ok(()),
            Some(known) if known.left > 0 => Ok(()),
            Some(Known { until: Some(until), .. }) => Err(Wait::Until(until)),
            // One of them will tell how this window stands. If none is left, somebody must ask.
            Some(_) if in_flight > 0 => Err(Wait::AfterCalls),
            Some(_) => Ok(()),
        }
    }

    /// A call starts, as was granted.
    pub(crate) fn started(&mut self) -> Asked {
        if let Some(known) = &mut self.known {
            known.left = known.left.saturating_sub(1);
        }
        Asked { ended_before: self.ended }
    }

    /// A call ended, maybe with a hint, and left `in_flight` others under way.
    pub(crate) fn ended(
        &mut self,
        asked: Asked,
        hint: Option<RateHint>,
        in_flight: usize,
        now: Instant,
    ) {
        let ended_since = self.ended - asked.ended_before;
        self.ended += 1;
        let Some(hint) = hint else { return };
        self.renew(in_flight, now);

        let until = now + hint.resets_in.min(LONGEST_TRUSTED);
        let at_most = u64::from(hint.remaining).saturating_sub(in_flight as u64);
        let at_least = at_most.saturating_sub(ended_since);
        let (left, until) = match self.known {
            Some(Known { left, until: Some(known_until), .. }) => {
                if at_least > left {
                    (at_least, until)
                } else {
                    (left.min(at_most), until.max(known_until))
                }
            }
            Some(Known { until: None, .. }) | None => (at_most, until),
        };
        let limit = hint.limit.or(self.known.and_then(|known| known.limit));
        self.known = Some(Known { limit, left, until: Some(until) });
    }

    /// A call that was granted was not made. Whatever was heard meanwhile, it was counted among
    /// the calls under way, so there is one more left.
    pub(crate) fn unused(&mut self, _: Asked) {
        if let Some(known) = &mut self.known {
            known.left += 1;
        }
    }

    /// After the reset a whole window is there, less the calls under way that may be counted
    /// in it. Without its size, everything is until an answer says more.
    fn renew(&mut self, in_flight: usize, now: Instant) {
        let Some(Known { limit, until: Some(until), .. }) = self.known else { return };
        if now >= until {
            self.known = limit.map(|calls| {
                let left = u64::from(calls).saturating_sub(in_flight as u64);
                Known { limit, left, until: None }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, VecDeque};

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn hint(remaining: u32) -> Option<RateHint> {
        Some(RateHint { limit: Some(10), remaining, resets_in: 10 * SECOND })
    }

    fn may_start(limit: &mut HintedLimit, in_flight: usize, now: Instant) -> usize {
        let in_flights = in_flight..in_flight + 1_000;
        in_flights
            .take_while(|n| limit.admission(*n, now).map(|()| limit.started()).is_ok())
            .count()
    }

    #[test]
    fn without_a_hint_nothing_is_limited() {
        let now = Instant::now();
        let mut limit = HintedLimit::default();
        let asked = limit.started();
        limit.ended(asked, None, 0, now);
        assert_eq!(may_start(&mut limit, 0, now), 1_000);
    }

    #[test]
    fn as_many_start_as_are_left_and_not_under_way() {
        let now = Instant::now();
        for (remaining, in_flight, expected) in [(5, 0, 5), (5, 3, 2), (5, 9, 0), (0, 0, 0)] {
            let mut limit = HintedLimit::default();
            let asked = limit.started();
            limit.ended(asked, hint(remaining), in_flight, now);
            assert_eq!(may_start(&mut limit, in_flight, now), expected, "{remaining} left");
            let reset = now + 10 * SECOND;
            assert_eq!(limit.admission(in_flight, now), Err(Wait::Until(reset)));
        }
    }

    #[test]
    fn a_call_that_is_not_made_leaves_its_place_to_another() {
        let now = Instant::now();
        let mut limit = HintedLimit::default();
        let asked = limit.started();
        limit.ended(asked, hint(5), 0, now);
        for _ in 0..10 {
            let asked = limit.started();
            limit.unused(asked);
        }
        let (early, other) = (limit.started(), limit.started());
        limit.ended(other, hint(4), 1, now);
        limit.unused(early);
        assert_eq!(may_start(&mut limit, 0, now), 4);
    }

    #[test]
    fn after_the_reset_a_whole_window_is_there_and_then_an_answer_is_awaited() {
        let now = Instant::now();
        let mut limit = HintedLimit::default();
        let asked = limit.started();
        limit.ended(asked, hint(0), 0, now);
        let reset = now + 10 * SECOND;
        assert!(limit.admission(0, reset - Duration::from_nanos(1)).is_err());
        assert_eq!(may_start(&mut limit, 0, reset), 10);
        assert_eq!(limit.admission(10, reset), Err(Wait::AfterCalls));
        assert_eq!(limit.admission(0, reset), Ok(()), "with nobody to tell, one call asks");
    }

    #[test]
    fn after_the_reset_of_a_window_of_unknown_size_nothing_is_limited() {
        let now = Instant::now();
        let mut limit = HintedLimit::default();
        let asked = limit.started();
        let unsized_hint = RateHint { limit: None, remaining: 0, resets_in: SECOND };
        limit.ended(asked, Some(unsized_hint), 0, now);
        assert_eq!(limit.admission(0, now), Err(Wait::Until(now + SECOND)));
        assert_eq!(may_start(&mut limit, 0, now + SECOND), 1_000);
    }

    #[test]
    fn an_answer_that_was_overtaken_does_not_loosen() {
        let now = Instant::now();
        let mut limit = HintedLimit::default();
        let (first, second) = (limit.started(), limit.started());
        // The API counted the first call first, and its answer comes last.
        limit.ended(second, hint(3), 1, now);
        assert_eq!(limit.known.unwrap().left, 2);
        limit.ended(first, hint(4), 0, now);
        assert_eq!(limit.known.unwrap().left, 3, "both are counted now: three are left");
        // One that was asked after all of that is believed.
        let third = limit.started();
        limit.ended(third, hint(9), 0, now);
        assert_eq!(limit.known.unwrap().left, 9);
    }

    #[test]
    fn a_reset_that_is_far_away_is_asked_about_again() {
        let now = Instant::now();
        let mut limit = HintedLimit::default();
        let asked = limit.started();
        let never = RateHint { limit: None, remaining: 0, resets_in: Duration::MAX };
        limit.ended(asked, Some(never), 0, now);
        assert_eq!(limit.admission(0, now), Err(Wait::Until(now + LONGEST_TRUSTED)));
    }

    /// An API that counts calls as they arrive, in windows of a second.
    struct Api {
        limit: u32,
        rolls: bool,
        counted: VecDeque<u64>,
        refused: usize,
    }

    const WINDOW: u64 = 1_000;

    impl Api {
        fn count(&mut self, now: u64) -> RateHint {
            let begin =
                if self.rolls { (now + 1).saturating_sub(WINDOW) } else { now - now % WINDOW };
            self.counted.retain(|at| *at >= begin);
            if self.counted.len() < self.limit as usize {
                self.counted.push_back(now);
            } else {
                self.refused += 1;
            }
            let resets_in = if self.rolls { WINDOW } else { begin + WINDOW - now };
            RateHint {
                limit: Some(self.limit),
                remaining: self.limit - self.counted.len() as u32,
                resets_in: Duration::from_millis(resets_in),
            }
        }
    }

    enum Step {
        Arrives(Asked, u64),
        IsAnswered(Asked, RateHint),
    }

    /// Makes a call for each pair of ways, there and back; returns when the last ended.
    fn call_all(api: &mut Api, concurrency: usize, ways: &[(u64, u64)]) -> u64 {
        let epoch = Instant::now();
        let at = |now: u64| epoch + Duration::from_millis(now);
        let (mut limit, mut steps) = (HintedLimit::default(), BTreeMap::new());
        let (mut ways, mut now, mut in_flight, mut number) = (ways.iter(), 0, 0, 0_u64);
        loop {
            let mut wake = None;
            while in_flight < concurrency && ways.len() > 0 {
                match limit.admission(in_flight, at(now)) {
                    Ok(()) => {}
                    Err(Wait::Until(moment)) => {
                        wake = Some((moment - epoch).as_millis() as u64);
                        break;
                    }
                    Err(Wait::AfterCalls) => break,
                }
                let (there, back) = *ways.next().unwrap();
                (in_flight, number) = (in_flight + 1, number + 1);
                steps.insert((now + there, number), Step::Arrives(limit.started(), back));
            }
            let next = steps.first_key_value().map(|((at, _), _)| *at);
            match (next, wake) {
                (None, None) => return now,
                (next, Some(wake)) if next.is_none_or(|next| wake < next) => {
                    now = wake;
                    continue;
                }
                _ => {}
            }
            let ((moment, key), step) = steps.pop_first().unwrap();
            now = moment;
            match step {
                Step::Arrives(asked, back) => {
                    let hint = api.count(now);
                    steps.insert((now + back, key), Step::IsAnswered(asked, hint));
                }
                Step::IsAnswered(asked, hint) => {
                    in_flight -= 1;
                    limit.ended(asked, Some(hint), in_flight, at(now));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn whoever_calls_alone_is_never_refused(
            ways in vec((0..300_u64, 0..300_u64), 1..300),
            concurrency in 1..12_usize,
            rolls: bool,
        ) {
            // With fewer than that, the first calls of all are refused: nobody told them.
            let limit = 12;
            let mut api = Api { limit, rolls, counted: VecDeque::new(), refused: 0 };
            let took = call_all(&mut api, concurrency, &ways);
            prop_assert_eq!(api.refused, 0);
            // Never stuck: a whole window, and the longest call, for every `limit` calls.
            let windows = ways.len() as u64 / u64::from(limit) + 1;
            prop_assert!(took <= windows * (WINDOW + 600) + 600 * ways.len() as u64 / concurrency as u64);
        }
    }
}
