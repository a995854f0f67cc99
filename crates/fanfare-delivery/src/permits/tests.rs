//! Dialogues with the permits, in paused time.

use futures_util::FutureExt;
use tokio::time::advance;

use super::*;
use crate::policy::{Charge, Load, Sign};

const SECOND: Duration = Duration::from_secs(1);
const TEN: usize = 10;
const TOOK: Duration = Duration::from_millis(100);

fn good() -> Sign {
    Sign::Charge(Charge::Good)
}

fn bad() -> Sign {
    Sign::Charge(Charge::Bad)
}

fn throttled(seconds: u32) -> Sign {
    Sign::Trouble { trouble: Trouble::Throttled, pause: Some(seconds * SECOND) }
}

fn now(permits: &Permits) -> Option<Permit<'_>> {
    permits.acquire().now_or_never().map(|permit| permit.expect("nobody is dismissed"))
}

fn ended(permit: Option<Permit<'_>>, sign: Sign) -> Consequence {
    let load = match sign {
        Sign::Charge(Charge::Good) => Load::Served,
        Sign::Charge(Charge::Bad) => Load::PushedBack,
        Sign::Trouble { trouble: Trouble::Throttled, .. } => Load::Throttled,
        Sign::Charge(Charge::Unsent) | Sign::Trouble { .. } | Sign::Nothing => Load::Unknown,
    };
    permit.expect("a permit").ended(Ending { sign, load, took: TOOK, hint: None })
}

/// As many permits as there are.
fn all(permits: &Permits) -> Vec<Option<Permit<'_>>> {
    (0..100).map(|_| now(permits)).take_while(Option::is_some).collect()
}

/// As many calls as there are permits, ended all the same. Returns how many.
fn round(permits: &Permits, sign: Sign) -> usize {
    let calls = all(permits);
    let count = calls.len();
    for call in calls {
        ended(call, sign);
    }
    count
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_allowed_and_the_next_when_one_ends() {
    let permits = Permits::new(2, None);
    let (first, second) = (now(&permits), now(&permits));
    assert!(now(&permits).is_none());
    ended(first, good());
    let third = now(&permits);
    assert!(third.is_some() && now(&permits).is_none());
    drop(second);
    assert!(now(&permits).is_some(), "one that is not used is given back");
}

#[tokio::test(start_paused = true)]
async fn calls_start_in_the_order_in_which_they_were_asked_for() {
    let permits = Permits::new(1, None);
    let running = now(&permits);
    let mut first = Box::pin(permits.acquire());
    let mut second = Box::pin(permits.acquire());
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    ended(running, good());
    assert!((&mut second).now_or_never().is_none());
    let first = first.now_or_never().map(Result::unwrap);
    ended(first, good());
    assert!(second.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn half_of_ten_failures_close_the_gate_and_three_good_probes_open_it() {
    let permits = Permits::new(TEN, None);
    let mut closed = None;
    for number in 1..=TEN {
        let consequence = ended(now(&permits), bad());
        assert!(closed.is_none(), "it closes with the tenth");
        assert_eq!(consequence.is_excused, number == TEN, "the attempts before were honest ones");
        closed = consequence.closed;
    }
    let closed = closed.expect("the breaker is open");
    assert_eq!((closed.trouble, closed.is_news), (Trouble::Failing, true));
    assert!(now(&permits).is_none());

    advance(closed.until - Instant::now()).await;
    let probe = now(&permits);
    assert!(now(&permits).is_none(), "one at a time");
    let again = ended(probe, bad());
    assert!(again.is_excused && !again.closed.unwrap().is_news);
    assert!(now(&permits).is_none());

    advance(again.closed.unwrap().until - Instant::now()).await;
    for is_last in [false, false, true] {
        let probe = now(&permits);
        assert!(now(&permits).is_none());
        assert_eq!(ended(probe, good()).opened, is_last);
    }
    assert_eq!(all(&permits).len(), 4, "a destination that was failing is met with few calls");
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_the_breaker_opened_is_excused() {
    let permits = Permits::new(5 * TEN, None);
    while permits.limit() < 5 * TEN {
        round(&permits, good());
        // A task that never waits is given no more permits after a while.
        tokio::task::yield_now().await;
    }
    let under_way = all(&permits);
    let count = under_way.len();
    let excused: Vec<bool> =
        under_way.into_iter().map(|call| ended(call, bad()).is_excused).collect();
    let opened_with = excused.iter().position(|excused| *excused).expect("it opens");
    assert!(opened_with < count - 1 && excused[opened_with..].iter().all(|excused| *excused));
}

#[tokio::test(start_paused = true)]
async fn calls_become_more_while_they_are_answered_and_fewer_when_they_are_refused() {
    let permits = Permits::new(TEN, None);
    let counts: Vec<usize> = (0..4).map(|_| round(&permits, good())).collect();
    assert_eq!(counts, [4, 6, 9, 10]);
    assert_eq!(round(&permits, bad()), 10);
    assert_eq!((permits.limit(), permits.calls()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_throttles_a_single_call_as_well_is_met_as_at_the_start() {
    for alone in [false, true] {
        let permits = Permits::new(TEN, None);
        for _ in 0..3 {
            round(&permits, good());
        }
        // Most of a crowd is served, and then it wants to be left alone.
        let mut crowd = all(&permits);
        ended(crowd.pop().unwrap(), throttled(10));
        advance(10 * SECOND).await;
        for call in crowd {
            ended(call, good());
        }
        if alone {
            ended(now(&permits), throttled(10));
            advance(10 * SECOND).await;
        }
        for _ in 0..3 {
            ended(now(&permits), good());
        }
        assert_eq!(permits.limit(), 4);
        let most = (0..8).map(|_| round(&permits, good())).max();
        assert_eq!(most, Some(if alone { TEN } else { TEN - 1 }), "alone: {alone}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_is_refused_in_part_is_no_outage() {
    const CARRIES: usize = 10;
    let permits = Permits::new(4 * TEN, None);
    while permits.limit() < 4 * TEN {
        round(&permits, good());
        tokio::task::yield_now().await;
    }
    // From now on it carries ten, and refuses the others before it answers those.
    let mut crowds = Vec::new();
    for _ in 0..10 {
        let mut served = all(&permits);
        let refused = served.split_off(served.len().min(CARRIES));
        crowds.push(served.len() + refused.len());
        for call in refused {
            let consequence = ended(call, bad());
            assert_eq!(consequence.closed, None, "{crowds:?}");
        }
        advance(TOOK).await;
        for call in served {
            ended(call, good());
        }
        tokio::task::yield_now().await;
    }
    assert!(crowds.contains(&40) && crowds[4..].iter().all(|crowd| *crowd < 20), "{crowds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_fails_half_of_the_time_is_failing_whatever_the_crowd() {
    let permits = Permits::new(4 * TEN, None);
    while permits.limit() < 4 * TEN {
        round(&permits, good());
        tokio::task::yield_now().await;
    }
    let mut calls = 0;
    let closed = loop {
        let mut closed = None;
        for (number, call) in all(&permits).into_iter().enumerate() {
            calls += 1;
            let sign = if number % 2 == 0 { bad() } else { good() };
            closed = closed.or(ended(call, sign).closed);
        }
        if let Some(closed) = closed {
            break closed;
        }
        advance(TOOK).await;
        tokio::task::yield_now().await;
    };
    assert_eq!(closed.trouble, Trouble::Failing);
    assert!(calls <= 200, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn neither_a_probe_nor_a_call_that_was_not_made_tells_of_a_crowd() {
    let permits = Permits::new(TEN, None);
    while permits.limit() < TEN {
        round(&permits, good());
    }
    (0..5).for_each(|_| drop(all(&permits)));
    assert_eq!(permits.limit(), TEN);

    let mut until = ended(now(&permits), throttled(1)).closed.unwrap().until;
    let limit = permits.limit();
    for _ in 0..20 {
        advance(until - Instant::now()).await;
        until = ended(now(&permits), throttled(1)).closed.unwrap().until;
    }
    assert_eq!(permits.limit(), limit);
}

#[tokio::test(start_paused = true)]
async fn one_refused_connection_is_an_accident_and_five_are_trouble() {
    let permits = Permits::new(TEN, None);
    let unsent = || Sign::Charge(Charge::Unsent);
    for _ in 0..4 {
        assert_eq!(ended(now(&permits), unsent()), Consequence::default());
    }
    assert_eq!(ended(now(&permits), unsent()).closed.unwrap().trouble, Trouble::Unreachable);
    assert!(now(&permits).is_none());
}

#[tokio::test(start_paused = true)]
async fn the_moment_that_the_api_named_is_kept_to_the_millisecond() {
    let permits = Permits::new(TEN, None);
    let (first, other) = (now(&permits), now(&permits));
    ended(first, throttled(30));
    ended(other, good());
    let mut waiting = Box::pin(permits.acquire());
    advance(30 * SECOND - Duration::from_millis(1)).await;
    assert!((&mut waiting).now_or_never().is_none(), "a good answer from before opens nothing");
    advance(Duration::from_millis(1)).await;
    assert!(waiting.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_can_be_sent_away_and_who_comes_later_is_not() {
    let permits = Permits::new(1, None);
    let running = now(&permits);
    let mut waiting = [Box::pin(permits.acquire()), Box::pin(permits.acquire())];
    assert!(waiting.iter_mut().all(|one| one.now_or_never().is_none()));
    permits.dismiss();
    for one in waiting {
        assert_eq!(one.await.err(), Some(Dismissed));
    }
    assert!(now(&permits).is_none());
    ended(running, good());
    assert!(now(&permits).is_some());
    permits.close();
    assert_eq!(permits.acquire().await.err(), Some(Dismissed));
}

#[tokio::test(start_paused = true)]
async fn a_rate_counts_from_the_end_of_a_call_and_forgets_one_that_was_not_made() {
    let permits = Permits::new(TEN, Some("2/10s".parse().unwrap()));
    let (first, second) = (now(&permits), now(&permits));
    assert!(now(&permits).is_none());
    drop(second);
    let second = now(&permits);
    advance(5 * SECOND).await;
    ended(first, good());
    advance(5 * SECOND).await;
    ended(second, good());
    assert!(now(&permits).is_none());
    advance(5 * SECOND).await;
    assert!(now(&permits).is_some());
}

#[tokio::test(start_paused = true)]
async fn retries_are_paid_for_and_wait_when_they_cannot() {
    let permits = Permits::new(TEN, None);
    let paid = (0..1_000).take_while(|_| permits.spend(Cost::AfterAnswer).is_ok()).count();
    assert_eq!(paid, 100);
    for _ in 0..5 {
        ended(now(&permits), good());
    }
    assert_eq!(permits.spend(Cost::AfterAnswer), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_paused_destination_is_called_by_nobody_until_it_is_resumed() {
    let permits = Permits::new(TEN, None);
    permits.learn(Some(Standing { is_paused: true, ..Standing::default() }));
    assert_eq!(permits.acquire().await.err(), Some(Dismissed));
    assert!(!permits.may_start());
    permits.learn(Some(Standing::default()));
    assert!(now(&permits).is_some());
}

#[tokio::test(start_paused = true)]
async fn of_several_replicas_one_probes_when_a_shared_wait_is_over() {
    let permits = Permits::new(TEN, None);
    permits.learn(Some(Standing::default()));
    let consequence = ended(now(&permits), throttled(30));
    assert!(consequence.closed.unwrap().is_shared);
    assert!(permits.asks_for_probe().now_or_never().is_none());

    advance(30 * SECOND).await;
    let mut probe = Box::pin(permits.acquire());
    assert!((&mut probe).now_or_never().is_none(), "it asks first");
    assert!(permits.asks_for_probe().now_or_never().is_some());
    permits.grant_probe();
    let probe = probe.now_or_never().map(Result::unwrap);
    let again = ended(probe, bad());
    assert!(again.probe_failed && again.closed.unwrap().is_shared, "the others are told");
}

#[tokio::test(start_paused = true)]
async fn there_is_a_vacancy_when_the_rate_lets_somebody_through_and_it_takes_nothing() {
    let hourly = "2/1h".parse().unwrap();
    let permits = Permits::new(TEN, Some(hourly));
    permits.vacancy().await;
    assert!(!permits.is_rationed());
    assert_eq!(round(&permits, good()), 2);
    assert!(permits.vacancy().now_or_never().is_none());
    assert!(permits.is_rationed(), "who comes next waits for an hour");
    permits.dismiss();
    assert!(!permits.is_rationed(), "nobody waits any more");
    let began = Instant::now();
    permits.vacancy().await;
    assert!((3_600 * SECOND..3_601 * SECOND).contains(&began.elapsed()));
    assert_eq!(round(&permits, good()), 2, "both are there");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_calls_to_end_is_not_rationed() {
    let permits = Permits::new(1, None);
    let call = now(&permits);
    assert!(now(&permits).is_none() && !permits.is_rationed());
    ended(call, good());
}
