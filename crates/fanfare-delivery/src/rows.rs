//! The table of policies, one test a row: its rule in one example, and its defaults as a
//! consumer reads them that is told nothing. The list of tests is the list of rows.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use fanfare_process::settings::Reader;
use tokio::time::Instant;

use crate::destination::Batching;
use crate::engine::LONGEST_UNSETTLED;
use crate::ledger::TIME_TO_LIVE;
use crate::outcome::Trouble;
use crate::permits::Permits;
use crate::policy::{
    Admission, AmbiguousPolicy, Breaker, Charge, Concurrency, Cost, Gate, Load, RateWindow,
    RetryBudget, Wait,
};
use crate::settings::ConsumerSettings;
use crate::shared::Store;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a consumer reads that is told this and nothing else.
fn told(variables: &[(&str, &str)]) -> ConsumerSettings {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut reader = Reader::new(&variables);
    let settings = ConsumerSettings::read(&mut reader, "crm");
    reader.finish(&[], || settings).unwrap()
}

/// Calls that fail until the breaker has had enough of them.
fn failures_until_open(charge: Charge) -> usize {
    let mut breaker = Breaker::default();
    1 + (0..100).take_while(|_| !breaker.record(charge)).count()
}

#[test]
fn retry_schedule_from_1_s_doubling_to_1_h_with_12_attempts_in_24_h() {
    let retry = told(&[]).retry;
    let pauses: Vec<_> = retry.schedule().iter().map(Duration::as_secs).collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]);
    assert_eq!(retry.pauses.ceiling(20), HOUR);
    assert_eq!((retry.max_attempts.get(), retry.max_age), (12, 24 * HOUR));
    let drawn: Vec<_> = (0..200).map(|_| retry.pauses.after(5)).collect();
    assert!(drawn.iter().all(|pause| *pause <= 16 * SECOND));
    assert!(drawn.iter().any(|pause| *pause < 8 * SECOND), "the jitter is full");
    assert_eq!(retry.ambiguous, AmbiguousPolicy::Resend);
}

#[test]
fn timeouts_of_5_s_to_connect_and_30_s_for_the_call_with_64_kib_of_answer() {
    let http = told(&[]).http;
    assert_eq!((http.connect, http.whole_call), (5 * SECOND, 30 * SECOND));
    assert_eq!((http.answer_bytes, http.retry_after_cap), (64 * 1024, 24 * HOUR));
}

#[test]
fn breaker_opens_at_10_failures_or_5_unsent_and_3_probes_close_it() {
    assert_eq!(failures_until_open(Charge::Bad), 10);
    assert_eq!(failures_until_open(Charge::Unsent), 5);
    let (start, mut gate) = (Instant::now(), Gate::default());
    let (until, _) = gate.hold(Trouble::Failing, None, start);
    assert!(until - start <= 5 * SECOND);
    assert_eq!(gate.admission(start, 0), Admission::At(until));
    for _ in 0..3 {
        assert_eq!(gate.admission(until, 0), Admission::Probe);
        gate.probe_started();
        assert_eq!(gate.admission(until, 1), Admission::AfterCalls, "one probe at a time");
        let _ = gate.answered(true);
    }
    assert_eq!(gate.admission(until, 1), Admission::Granted);
    let longest = (0..40).fold(start, |now, _| {
        gate.probe_started();
        gate.hold(Trouble::Failing, None, now).0
    });
    assert!(gate.hold(Trouble::Failing, None, longest).0 - longest <= MINUTE);
}

#[test]
fn hold_ends_at_the_moment_that_the_api_named() {
    let (start, mut gate) = (Instant::now(), Gate::default());
    let (until, _) = gate.hold(Trouble::Throttled, Some(30 * SECOND), start);
    assert_eq!(until, start + 30 * SECOND);
    let almost = until - Duration::from_nanos(1);
    assert_eq!(gate.admission(almost, 0), Admission::At(until));
    assert_eq!(gate.admission(until, 0), Admission::Probe);
}

#[test]
fn rate_limit_is_off_and_reads_100_per_10_s() {
    assert_eq!(told(&[]).rate_limit, None);
    let limit = told(&[("FANFARE_RATE_LIMIT", "100/10s")]).rate_limit.unwrap();
    let (start, mut window) = (Instant::now(), RateWindow::new(limit));
    for _ in 0..100 {
        let place = window.take(start).unwrap();
        window.ended(place, start + SECOND);
    }
    assert_eq!(window.take(start + 10 * SECOND).unwrap_err(), Wait::Until(start + 11 * SECOND));
    assert!(window.take(start + 11 * SECOND).is_ok());
}

#[test]
fn concurrency_of_64_at_most_with_twice_as_many_prefetched() {
    let settings = told(&[]);
    assert_eq!((settings.max_concurrency.get(), settings.prefetch(None)), (64, 128));
    let mut concurrency = Concurrency::new(settings.max_concurrency.get());
    let mut now = Instant::now();
    let mut round = |load| {
        for _ in 0..concurrency.limit() {
            concurrency.started(concurrency.limit());
        }
        now += SECOND;
        for _ in 0..concurrency.limit() {
            concurrency.finished(now, SECOND, load);
        }
        concurrency.limit()
    };
    let grown = (0..100).map(|_| round(Load::Served)).max();
    assert_eq!(grown, Some(64), "as many as are allowed, where they are answered");
    let cut = round(Load::PushedBack);
    assert!((1..64).contains(&cut), "fewer, where they are pushed back");
}

#[test]
fn retry_budget_of_500_tokens_where_a_retry_costs_5_and_a_timeout_10() {
    for (cost, retries) in [(Cost::AfterAnswer, 100), (Cost::AfterSilence, 50)] {
        let start = Instant::now();
        let mut budget = RetryBudget::new(start);
        assert_eq!((0..1000).take_while(|_| budget.take(start, cost).is_ok()).count(), retries);
        assert!(budget.take(start, cost).is_err_and(|wait| !wait.is_zero()), "it waits");
        for _ in 0..10 {
            budget.succeeded();
        }
        assert_eq!(budget.take(start, cost), Ok(()), "successes pay");
    }
}

#[test]
fn ledger_in_memory_for_24_h_unless_it_is_shared() {
    assert!(matches!(told(&[]).ledger.store, Store::Memory));
    assert_eq!(TIME_TO_LIVE, 24 * HOUR);
    let shared = told(&[("FANFARE_LEDGER", "redis://127.0.0.1:6379")]).ledger.store;
    assert!(matches!(shared, Store::Redis(_)));
}

#[test]
fn batch_is_what_the_destination_asks_for_with_enough_at_hand_for_two_more() {
    let settings = told(&[]);
    let hundred = Batching { most: NonZeroUsize::new(100).unwrap(), wait: 50 * SECOND / 1000 };
    assert_eq!((settings.at_hand(None), settings.at_hand(Some(hundred))), (64, 400));
}

#[test]
fn an_unacked_delivery_is_given_back_after_10_min() {
    assert_eq!(LONGEST_UNSETTLED, 10 * MINUTE);
}

#[tokio::test]
async fn drain_finishes_what_was_started_within_25_s_and_starts_nothing() {
    assert_eq!(told(&[]).process.shutdown_grace, 25 * SECOND);
    let permits = Permits::new(1, None);
    permits.close();
    assert!(permits.acquire().await.is_err());
}
