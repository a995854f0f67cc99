//! The scenarios: each prints one row, and asserts what the row must show.

use super::server::{Beyond, Jitter, Server};
use super::{Caller, Phase, Run, simulate};

/// More calls than anybody makes.
const NO_KNEE: usize = 10_000;
const MAX: usize = 64;
const SEEDS: std::ops::Range<u64> = 1..6;

fn phase(seconds: u64, knee: usize, latency: f64) -> Phase {
    Phase { seconds, knee, latency, fails: 0.0 }
}

/// Every call takes the same, give or take a tenth.
fn even(chance: &mut fastrand::Rng) -> f64 {
    0.9 + 0.2 * chance.f64()
}

/// Every tenth call takes ten times as long.
fn two_modes(chance: &mut fastrand::Rng) -> f64 {
    if chance.f64() < 0.1 { 10.0 } else { even(chance) }
}

/// Every hundredth call takes fifty times as long.
fn long_tail(chance: &mut fastrand::Rng) -> f64 {
    if chance.f64() < 0.01 { 50.0 } else { even(chance) }
}

/// Without memory, as a textbook has it.
fn exponential(chance: &mut fastrand::Rng) -> f64 {
    -(1.0 - chance.f64()).ln()
}

/// The policies and the oracle on the same server, and the goodput of the one in percent of
/// the other's.
fn compared(beyond: Beyond, jitter: Jitter, seed: u64, phases: &[Phase]) -> (Run, f64) {
    let server = || Server::new(beyond, jitter, seed);
    let run = simulate(Caller::Adaptive { max: MAX }, server(), phases);
    let best = simulate(Caller::Oracle { max: MAX }, server(), phases);
    let goodput = 100.0 * run.served as f64 / best.served as f64;
    (run, goodput)
}

fn row(scenario: &str, seed: u64, run: &Run, goodput: f64, adapted: &str) {
    let limits: Vec<usize> =
        run.limits.iter().step_by((run.limits.len() / 12).max(1)).copied().collect();
    let Run { refused, closed, .. } = run;
    println!(
        "{scenario:<28} seed {seed}: goodput {goodput:5.1} %, refused {refused:4}, \
         closed {closed}, {adapted:<22} limits {limits:?}"
    );
}

fn least(limits: &[usize]) -> usize {
    limits.iter().copied().min().unwrap()
}

fn most(limits: &[usize]) -> usize {
    limits.iter().copied().max().unwrap()
}

fn mean(limits: &[usize]) -> f64 {
    limits.iter().sum::<usize>() as f64 / limits.len() as f64
}

#[test]
fn steady_a_destination_that_carries_everything_gets_everything() {
    for seed in SEEDS {
        let (run, goodput) = compared(Beyond::Queue, even, seed, &[phase(60, NO_KNEE, 100.0)]);
        let up = run.seconds_until(0, |limit| limit == MAX);
        row("steady", seed, &run, goodput, &format!("up {up:.1} s"));
        // One short look at half of the calls each ten seconds.
        assert!(up <= 1.0 && goodput >= 96.0 && mean(run.limits(1, 60)) >= 61.0);
    }
}

/// A server on the same machine answers in 50 µs, and in a hundred times that when the
/// scheduler looks elsewhere.
#[test]
fn steady_noise_on_a_fast_server_cuts_nothing() {
    fn scheduler(chance: &mut fastrand::Rng) -> f64 {
        if chance.f64() < 0.03 { 100.0 * chance.f64() } else { 1.0 + chance.f64() }
    }
    for seed in SEEDS {
        let phases = [phase(1, NO_KNEE, 0.05)];
        let (run, goodput) = compared(Beyond::Queue, scheduler, seed, &phases);
        row("steady, 50 µs", seed, &run, goodput, "");
        assert_eq!(least(&run.limits), MAX, "it is there within a tenth of a second");
    }
}

#[test]
fn knee_the_limit_settles_near_it_and_does_not_creep() {
    for beyond in [Beyond::Queue, Beyond::Share] {
        for seed in SEEDS {
            let (run, goodput) = compared(beyond, even, seed, &[phase(600, 40, 100.0)]);
            let after = 1 + run.seconds_until(1, |limit| limit <= 50).ceil() as usize;
            row(&format!("knee 40, {beyond:?}"), seed, &run, goodput, &format!("after {after} s"));
            assert!(after <= 5 && goodput >= 97.0);
            assert!((38.0..=52.0).contains(&mean(run.limits(10, 60))));
            assert!((38.0..=52.0).contains(&mean(run.limits(540, 600))), "ten minutes later");
            assert!(most(run.limits(540, 600)) < 60);
        }
    }
}

#[test]
fn knee_a_server_that_refuses_is_hardly_ever_asked_too_much() {
    for knee in [1, 2, 5, 9, 20, 33, 40, 60] {
        let (run, goodput) = compared(Beyond::Refuse(503), even, 1, &[phase(120, knee, 100.0)]);
        row(&format!("knee {knee}, 503"), 1, &run, goodput, "");
        assert!(run.closed == 0 && goodput >= 92.0);
        assert!(run.refused as f64 <= 0.05 * run.served as f64);
    }
}

/// A refused call brings a pause of everything, so that few may be refused.
#[test]
fn knee_a_server_that_asks_for_pauses_is_hardly_ever_given_a_reason() {
    for seed in SEEDS {
        let (run, goodput) = compared(Beyond::Refuse(429), even, seed, &[phase(600, 40, 100.0)]);
        row("knee 40, 429", seed, &run, goodput, "");
        assert!(run.closed <= 40 && goodput >= 90.0);
    }
}

#[test]
fn cliff_the_limit_follows_the_knee_from_40_to_10_and_back_within_seconds() {
    let phases = [phase(20, 40, 100.0), phase(20, 10, 100.0), phase(20, 40, 100.0)];
    for beyond in [Beyond::Queue, Beyond::Share, Beyond::Refuse(503)] {
        for seed in SEEDS {
            let (run, goodput) = compared(beyond, even, seed, &phases);
            let down = run.seconds_until(20, |limit| limit <= 15);
            let up = run.seconds_until(40, |limit| limit >= 36);
            let adapted = format!("down {down:.1} s, up {up:.1} s");
            row(&format!("cliff, {beyond:?}"), seed, &run, goodput, &adapted);
            assert!(run.closed == 0, "the breaker is for failures that fewer calls do not end");
            assert!(down <= 4.0 && up <= 3.0 && goodput >= 92.0);
            assert!(mean(run.limits(30, 40)) <= 18.0);
        }
    }
}

/// A look at half of the calls says nothing of the crowd if the server changes meanwhile.
#[test]
fn cliff_a_fall_in_the_middle_of_a_look_is_followed_as_soon() {
    for beyond in [Beyond::Queue, Beyond::Share] {
        for (seconds, seed) in (2..30).flat_map(|seconds| SEEDS.map(move |seed| (seconds, seed))) {
            let phases = [phase(seconds, 40, 150.0), phase(15, 10, 150.0)];
            let (run, goodput) = compared(beyond, even, seed, &phases);
            let down = run.seconds_until(seconds as usize, |limit| limit <= 20);
            let adapted = format!("down {down:.1} s");
            row(&format!("fall after {seconds} s, {beyond:?}"), seed, &run, goodput, &adapted);
            assert!(down <= 6.0);
        }
    }
}

#[test]
fn cliff_no_fall_of_the_knee_is_taken_for_an_outage() {
    for (high, low) in [(40, 5), (40, 25), (60, 10), (60, 2), (20, 3), (MAX, 30)] {
        let phases = [phase(10, high, 100.0), phase(20, low, 100.0), phase(20, high, 100.0)];
        for seed in SEEDS {
            let (run, goodput) = compared(Beyond::Refuse(503), even, seed, &phases);
            row(&format!("cliff {high} {low} {high}, 503"), seed, &run, goodput, "");
            assert!(run.closed == 0 && goodput >= 85.0);
        }
    }
}

/// What costs a pause of everything is not tried every other second: the way back is longer.
#[test]
fn cliff_a_server_that_asks_for_pauses_is_followed_too() {
    let phases = [phase(40, 40, 100.0), phase(40, 10, 100.0), phase(60, 40, 100.0)];
    for seed in SEEDS {
        let (run, goodput) = compared(Beyond::Refuse(429), even, seed, &phases);
        let down = run.seconds_until(40, |limit| limit <= 11);
        let up = run.seconds_until(80, |limit| limit >= 36);
        let adapted = format!("down {down:.1} s, up {up:.1} s");
        row("cliff, 429", seed, &run, goodput, &adapted);
        assert!(down <= 3.0 && up <= 30.0 && goodput >= 70.0);
    }
}

#[test]
fn chance_failures_that_no_crowd_is_to_blame_for_cut_little() {
    for (share, least_goodput) in [(0.001, 95.0), (0.01, 85.0)] {
        for seed in SEEDS {
            let phases = [Phase { fails: share, ..phase(60, NO_KNEE, 100.0) }];
            let (run, goodput) = compared(Beyond::Queue, even, seed, &phases);
            row(&format!("fails {share}"), seed, &run, goodput, "");
            assert!(run.closed == 0 && goodput >= least_goodput);
        }
    }
}

#[test]
fn ramp_the_limit_follows_a_knee_that_moves_all_the_time() {
    let knees = [10, 20, 30, 40, 50, 60, 50, 40, 30, 20, 10];
    let phases = knees.map(|knee| phase(6, knee, 100.0));
    for seed in SEEDS {
        let (run, goodput) = compared(Beyond::Queue, even, seed, &phases);
        row("ramp 10 to 60 to 10", seed, &run, goodput, "");
        assert!(goodput >= 92.0);
        assert!(mean(run.limits(31, 36)) >= 2.0 * mean(run.limits(61, 66)));
    }
}

/// Fewer calls would not make it faster, so that only the number of calls makes up for it.
#[test]
fn slower_a_destination_that_got_slower_by_itself_keeps_its_calls() {
    for (factor, seconds) in [(2.0, 4.0), (1.4, 6.0)] {
        let phases = [phase(20, NO_KNEE, 100.0), phase(40, NO_KNEE, 100.0 * factor)];
        for seed in SEEDS {
            let (run, goodput) = compared(Beyond::Queue, even, seed, &phases);
            let noticed = run.seconds_until(20, |limit| limit < 60);
            let back = noticed + run.seconds_until(20 + noticed.ceil() as usize, |l| l >= 60);
            let adapted = format!("back after {back:.1} s");
            row(&format!("slower by {factor}"), seed, &run, goodput, &adapted);
            assert!(back <= seconds && goodput >= 94.0);
        }
    }
}

/// When the destination is found well again is the gate's matter, and chance.
#[test]
fn flapping_the_breaker_keeps_calls_off_an_outage_and_the_limit_comes_back() {
    let well = Phase { seconds: 40, knee: NO_KNEE, latency: 100.0, fails: 0.0 };
    let out = Phase { seconds: 5, fails: 1.0, ..well };
    let phases = [well, out, well, out, well];
    for seed in SEEDS {
        let (run, goodput) = compared(Beyond::Queue, even, seed, &phases);
        row("flapping", seed, &run, goodput, "");
        assert!(run.closed == 2 && run.refused <= 2 * 110);
        for opened in &run.opened {
            let back = run.seconds_until(opened.ceil() as usize, |limit| limit >= 60);
            assert!(back <= 2.0, "{back} s after {opened}");
        }
    }
}

#[test]
fn bimodal_calls_that_take_much_longer_are_no_crowd() {
    let jitters: [(&str, Jitter, f64); 3] = [
        ("two modes", two_modes, 90.0),
        ("long tail", long_tail, 93.0),
        ("exponential", exponential, 90.0),
    ];
    for (name, jitter, least_goodput) in jitters {
        for (what, knee) in [("no knee", NO_KNEE), ("knee 40", 40)] {
            for seed in SEEDS {
                let phases = [phase(120, knee, 100.0)];
                let (run, goodput) = compared(Beyond::Queue, jitter, seed, &phases);
                row(&format!("{name}, {what}"), seed, &run, goodput, "");
                assert!(goodput >= least_goodput);
            }
        }
    }
}
