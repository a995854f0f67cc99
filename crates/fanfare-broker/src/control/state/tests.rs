//! What follows from which notices, and what never does.

use proptest::prelude::*;

use super::*;

fn paused(by: &str) -> News {
    News::Paused { by: by.into(), why: "migration".into() }
}

fn disabled(by: &str) -> News {
    News::Disabled { by: by.into(), why: "410 Gone".into() }
}

fn resumed() -> News {
    News::Resumed { by: "ada".into(), why: String::new() }
}

fn held(replica: &str, until_ms: u64) -> News {
    let (trouble, why) = ("throttled".into(), "429".into());
    News::Held { replica: replica.into(), until_ms, trouble, why }
}

fn probe(replica: &str, lease_until_ms: u64) -> News {
    News::Probe { replica: replica.into(), lease_until_ms }
}

fn well(replica: &str) -> News {
    News::Well { replica: replica.into() }
}

fn folded(log: &[(u64, News)]) -> ControlState {
    let mut state = ControlState::default();
    for (at_ms, news) in log {
        state.apply(&Notice::new(*at_ms, news.clone()));
    }
    state
}

/// Who stopped it, until when it holds, and who probes.
type Stand<Text> = (Option<Text>, Option<u64>, Option<Text>);
type Log = Vec<(u64, News)>;

fn stands(log: &[(u64, News)], now_ms: u64) -> Stand<String> {
    let state = folded(log);
    let pause = state
        .paused()
        .map(|pause| if pause.disabled { format!("{} (410)", pause.by) } else { pause.by.clone() });
    let until = state.held(now_ms).map(|hold| hold.until_ms);
    (pause, until, state.probe(now_ms).map(str::to_owned))
}

const T: u64 = 1_000_000;

#[test]
fn each_notice_has_its_effect_at_its_place() {
    let joined = || News::Joined { replica: "a".into() };
    let table: Vec<(&str, Log, Stand<&str>)> = vec![
        ("nothing was said", vec![(T, joined())], (None, None, None)),
        ("a pause stands", vec![(T, paused("ada"))], (Some("ada"), None, None)),
        (
            "the first to stop it stands",
            vec![(T, disabled("a")), (T, disabled("b")), (T, paused("ada"))],
            (Some("a (410)"), None, None),
        ),
        ("a resume ends it", vec![(T, paused("ada")), (T, resumed())], (None, None, None)),
        (
            "a pause after a resume stands, whatever the clocks say",
            vec![(T, resumed()), (T - 60_000, paused("bob"))],
            (Some("bob"), None, None),
        ),
        ("a hold has an end", vec![(T, held("a", T + 9))], (None, Some(T + 9), None)),
        ("a hold is over at its end", vec![(T, held("a", T))], (None, None, None)),
        (
            "the longest hold counts",
            vec![(T, held("a", T + 9)), (T, held("b", T + 7)), (T, held("c", T + 8))],
            (None, Some(T + 9), None),
        ),
        (
            "a resume of a pause keeps the hold",
            vec![(T, held("a", T + 9)), (T, paused("ada")), (T, resumed())],
            (None, Some(T + 9), None),
        ),
        (
            "a resume where nothing is paused ends the hold",
            vec![(T, held("a", T + 9)), (T, resumed())],
            (None, None, None),
        ),
        (
            "a probe is granted when the hold is over",
            vec![(T - 9, held("a", T)), (T, probe("a", T + 5))],
            (None, None, Some("a")),
        ),
        ("not before", vec![(T - 9, held("a", T)), (T - 1, probe("a", T + 5))], (None, None, None)),
        (
            "to another replica so much later as its clock may be ahead",
            vec![
                (T - 2000, held("a", T - 1000)),
                (T - 1, probe("b", T + 5)),
                (T, probe("c", T + 6)),
            ],
            (None, None, Some("c")),
        ),
        ("not while it is paused", vec![(T, paused("ada")), (T, probe("a", T + 5))], {
            (Some("ada"), None, None)
        }),
        (
            "one at a time",
            vec![(T, probe("a", T + 5)), (T, probe("b", T + 7))],
            (None, None, Some("a")),
        ),
        (
            "its holder may prolong it",
            vec![(T - 2, probe("a", T - 1)), (T, probe("a", T + 5))],
            (None, None, Some("a")),
        ),
        (
            "a lease that has run out is nobody's",
            vec![(T - 2, probe("a", T - 1))],
            (None, None, None),
        ),
        (
            "and is given to the next",
            vec![(T - 2002, probe("a", T - 1001)), (T, probe("b", T + 5))],
            (None, None, Some("b")),
        ),
        (
            "what the probe was told replaces what others were told",
            vec![(T - 9, probe("a", T + 5)), (T - 8, held("b", T + 60)), (T, held("a", T + 9))],
            (None, Some(T + 9), None),
        ),
        (
            "others only add to it",
            vec![(T - 9, probe("a", T + 5)), (T - 8, held("b", T + 60))],
            (None, Some(T + 60), Some("a")),
        ),
        (
            "an answer to the probe ends the hold",
            vec![(T - 9, probe("a", T + 5)), (T - 8, held("b", T + 60)), (T, well("a"))],
            (None, None, None),
        ),
        (
            "an answer to anybody else does not",
            vec![(T - 9, probe("a", T + 5)), (T - 8, held("b", T + 60)), (T, well("b"))],
            (None, Some(T + 60), Some("a")),
        ),
    ];
    for (rule, log, (pause, until, prober)) in table {
        let expected = (pause.map(str::to_owned), until, prober.map(str::to_owned));
        assert_eq!(stands(&log, T), expected, "{rule}");
    }
}

#[test]
fn what_one_replica_sits_out_changes_nothing_for_the_others() {
    let troubled = |replica: &str| News::Troubled {
        replica: replica.into(),
        until_ms: T + 9,
        trouble: "unauthorized".into(),
        why: "401".into(),
    };
    let table: [(Log, &[&str]); 6] = [
        (vec![(T, troubled("a"))], &["a"]),
        (vec![(T, troubled("a")), (T, well("b"))], &["a"]),
        (vec![(T, troubled("a")), (T, well("a"))], &[]),
        (vec![(T, troubled("a")), (T, troubled("b")), (T, held("a", T + 9))], &["b"]),
        (vec![(T, troubled("a")), (T, paused("ada")), (T, resumed())], &["a"]),
        (vec![(T, probe("a", T + 9)), (T, troubled("a")), (T, troubled("b"))], &["a", "b"]),
    ];
    for (log, expected) in table {
        let seen: Vec<_> = folded(&log).troubled(T).map(|one| one.replica.clone()).collect();
        assert_eq!(seen, expected, "{log:?}");
        let is_troubled = |news: &News| matches!(news, News::Troubled { .. });
        let others: Log = log.iter().filter(|(_, news)| !is_troubled(news)).cloned().collect();
        assert_eq!(stands(&log, T), stands(&others, T), "{log:?}");
    }
}

#[test]
fn a_hold_that_is_over_is_trouble_until_a_probe_was_answered() {
    let mut log = vec![(T, held("a", T + 9))];
    assert_eq!(folded(&log).held(T + 9), None);
    assert_eq!(folded(&log).trouble().map(|hold| hold.trouble.as_str()), Some("throttled"));
    log.push((T + 9, probe("a", T + 20)));
    log.push((T + 10, well("a")));
    assert_eq!(folded(&log).trouble(), None);
}

#[test]
fn a_hold_that_is_prolonged_began_when_it_began() {
    let prolonged = folded(&[(T, held("a", T + 9)), (T + 5, held("b", T + 20))]);
    assert_eq!(prolonged.trouble().map(|hold| (hold.since_ms, hold.until_ms)), Some((T, T + 20)));
    let again = folded(&[(T, held("a", T + 9)), (T + 2000, held("b", T + 2009))]);
    assert_eq!(again.trouble().map(|hold| hold.since_ms), Some(T + 2000));
}

#[test]
fn a_pause_that_has_come_far_back_is_to_be_said_again() {
    let mut state = folded(&[(T, disabled("a"))]);
    let mut notices = 0;
    let again = loop {
        match state.to_say_again() {
            Some(again) => break again,
            None => state.apply(&Notice::new(T + 1, News::Joined { replica: "b".into() })),
        }
        notices += 1;
    };
    assert_eq!(notices, SAY_AGAIN_AFTER);
    assert_eq!(again, Notice { at_ms: T, news: disabled("a"), again: true });

    let mut late = ControlState::default();
    late.apply(&again);
    assert_eq!(late.paused(), state.paused(), "for whom the first one is gone");
    state.apply(&again);
    assert_eq!(state.to_say_again(), None);
}

#[test]
fn a_pause_that_is_said_again_too_late_stops_nothing() {
    let mut state = folded(&[(T, paused("ada")), (T + 1, resumed())]);
    state.apply(&Notice { at_ms: T, news: paused("ada"), again: true });
    assert_eq!(state.paused(), None);
}

#[test]
fn forged_times_overflow_nothing() {
    let end = u64::MAX;
    let state = folded(&[
        (0, held("a", end)),
        (end, probe("b", end)),
        (end, probe("a", end)),
        (end, held("a", 0)),
    ]);
    assert_eq!(state.held(end - 1), None);
}

/// What a replica may write, with what its clock is ahead of true time, at a true time.
#[derive(Clone, Debug)]
struct Written {
    true_ms: u64,
    replica: usize,
    kind: u8,
    for_ms: u64,
}

const REPLICAS: [&str; 3] = ["a", "b", "c"];

fn written() -> impl Strategy<Value = Written> {
    (0..1500u64, 0..REPLICAS.len(), 0..10u8, 0..5000u64)
        .prop_map(|(true_ms, replica, kind, for_ms)| Written { true_ms, replica, kind, for_ms })
}

/// What is known in true time of the one who may call.
struct Lease {
    replica: usize,
    until_true_ms: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn in_true_time_no_two_probe_at_once_and_none_during_a_hold(
        steps in prop::collection::vec(written(), 1..60),
        ahead in prop::collection::vec(0..=CLOCK_TOLERANCE_MS, REPLICAS.len()),
    ) {
        let mut state = ControlState::default();
        let mut now = T;
        let mut lease: Option<Lease> = None;
        let mut hold_until: Option<u64> = None;
        for Written { true_ms, replica, kind, for_ms } in steps {
            now += true_ms;
            let name = REPLICAS[replica];
            let clock = now + ahead[replica];
            let news = match kind {
                0 | 1 => held(name, clock + for_ms),
                2..=6 => probe(name, clock + for_ms),
                7 => well(name),
                8 => paused("ada"),
                _ => resumed(),
            };
            let before = state.clone();
            state.apply(&Notice::new(clock, news.clone()));
            let its_probe = lease.as_ref().is_some_and(|lease| lease.replica == replica);
            match news {
                News::Held { .. } if its_probe => {
                    (lease, hold_until) = (None, Some(now + for_ms));
                }
                News::Held { .. } => hold_until = hold_until.max(Some(now + for_ms)),
                News::Well { .. } if its_probe => (lease, hold_until) = (None, None),
                News::Resumed { .. } if before.paused().is_none() => hold_until = None,
                News::Probe { .. } if state.probe != before.probe => {
                    prop_assert!(before.paused().is_none(), "granted during a pause");
                    prop_assert!(hold_until.is_none_or(|until| until <= now), "during a hold");
                    if let Some(other) = lease.filter(|lease| lease.replica != replica) {
                        prop_assert!(other.until_true_ms <= now, "two at once");
                    }
                    lease = Some(Lease { replica, until_true_ms: now + for_ms });
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_destination_is_paused_exactly_from_a_stop_to_the_next_resume(
        kinds in prop::collection::vec(0..8u8, 0..40),
    ) {
        let mut state = ControlState::default();
        let mut expected = None;
        for kind in kinds {
            let news = match kind {
                0 => paused("ada"),
                1 => disabled("a"),
                2 => resumed(),
                3 => held("a", T + 5),
                4 => probe("b", T + 5),
                5 => well("b"),
                _ => News::Joined { replica: "c".into() },
            };
            match kind {
                0 | 1 => expected = expected.or(Some(kind == 1)),
                2 => expected = None,
                _ => {}
            }
            state.apply(&Notice::new(T, news));
            prop_assert_eq!(state.paused().map(|pause| pause.disabled), expected);
        }
    }
}
