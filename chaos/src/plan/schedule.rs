//! The schedule of a run: a pure function of its seed and its length.

use std::ops::RangeInclusive;
use std::time::Duration;

use fastrand::Rng;
use serde::Serialize;

use super::kind::{Kind, Lane, VALID_FORMS};

/// One fault that is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Planned {
    /// What.
    pub kind: Kind,
    /// When, from the start of the load, in seconds.
    pub at: f64,
    /// How long, in seconds.
    pub lasts: f64,
    /// To whom, of those that it can happen to.
    pub target: usize,
    /// Which variety, where it has some.
    pub variety: u32,
}

/// What goes wrong in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// What all of it was drawn from.
    pub seed: u64,
    /// How long the load is kept up, in seconds.
    pub seconds: f64,
    /// In order of time.
    pub faults: Vec<Planned>,
    /// For each destination whether its consumers share their ledger in the Redis.
    pub shares_ledger: [bool; 3],
}

/// Before the first fault everything runs for so long.
const CALM: f64 = 3.0;

/// The first fault is alone until then, so that a wait that an API asks for can be seen whole.
const ALONE: f64 = 12.0;

/// Before the last fault everybody has so long to catch up, in seconds.
pub const CATCH_UP: f64 = 7.0;

/// The plan for `seed` and a run of `length`.
pub fn draw(seed: u64, length: Duration) -> Plan {
    let seconds = length.as_secs_f64();
    let mut rng = Rng::with_seed(seed);
    let last = last(seconds, &mut rng);
    let mut faults: Vec<Planned> = Lane::ALL
        .into_iter()
        .enumerate()
        .flat_map(|(index, lane)| {
            // A lane of its own generator: a change in one does not stir the others.
            let mut rng = Rng::with_seed(seed.wrapping_mul(31).wrapping_add(index as u64));
            of_lane(lane, last.at - CATCH_UP, &mut rng)
        })
        .collect();
    faults.extend([first(&mut rng), last]);
    faults.sort_by(|one, other| one.at.total_cmp(&other.at));
    Plan { seed, seconds, faults, shares_ledger: ledgers(&mut rng) }
}

fn of_lane(lane: Lane, until: f64, rng: &mut Rng) -> Vec<Planned> {
    let mut faults = Vec::new();
    let mut at = CALM + ALONE + within(0.0..=*lane.rest().start(), rng);
    let mut bag = Vec::new();
    let mut turns = [0_usize; Kind::ALL.len()];
    loop {
        if bag.is_empty() {
            bag = lane.round().to_vec();
            rng.shuffle(&mut bag);
        }
        let Some(kind) = bag.pop() else { return faults };
        let lasts = within(kind.seconds(), rng);
        if at + lasts + kind.recovery() > until {
            return faults;
        }
        // Each in turn from where chance begins: so nobody is left out in a long run.
        let turn = &mut turns[kind as usize];
        let begin = if kind == Kind::ConfirmsLost { 0 } else { rng.usize(..) };
        let target = if *turn == 0 { begin } else { *turn } % kind.targets();
        *turn = target + 1;
        faults.push(Planned { kind, at, lasts, target, variety: rng.u32(..) });
        at += lasts + kind.recovery() + within(lane.rest(), rng);
    }
}

/// At the beginning one API asks to wait, in a form that is valid.
fn first(rng: &mut Rng) -> Planned {
    let kind = Kind::Throttled;
    let variety = rng.u32(..VALID_FORMS);
    Planned { kind, at: CALM, lasts: 2.0, target: rng.usize(..kind.targets()), variety }
}

/// At the end one API is down while all else is well: nobody else may notice.
fn last(seconds: f64, rng: &mut Rng) -> Planned {
    let kind = Kind::ApiDown;
    let lasts = (seconds * 0.1).clamp(4.0, 15.0);
    let at = seconds - lasts - 1.0;
    Planned { kind, at, lasts, target: rng.usize(..kind.targets()), variety: 0 }
}

/// One destination shares, one does not, and chance decides about the third.
fn ledgers(rng: &mut Rng) -> [bool; 3] {
    let mut shares = [true, false, rng.bool()];
    rng.shuffle(&mut shares);
    shares
}

fn within(range: RangeInclusive<f64>, rng: &mut Rng) -> f64 {
    range.start() + (range.end() - range.start()) * rng.f64()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const THREE_MINUTES: Duration = Duration::from_secs(180);

    #[test]
    fn a_seed_has_one_plan_and_another_seed_another() {
        assert_eq!(draw(7, THREE_MINUTES), draw(7, THREE_MINUTES));
        assert_ne!(draw(7, THREE_MINUTES).faults, draw(8, THREE_MINUTES).faults);
    }

    #[test]
    fn in_three_minutes_every_kind_occurs_whatever_the_seed() {
        for seed in 0..500 {
            let kinds: BTreeSet<_> =
                draw(seed, THREE_MINUTES).faults.iter().map(|fault| fault.kind).collect();
            let missing: Vec<_> =
                Kind::ALL.into_iter().filter(|kind| !kinds.contains(kind)).collect();
            assert!(missing.is_empty(), "seed {seed}: {missing:?}");
        }
    }

    #[test]
    fn confirms_are_lost_on_the_way_in_first() {
        for seed in 0..50 {
            let plan = draw(seed, THREE_MINUTES);
            let lost = plan.faults.iter().find(|fault| fault.kind == Kind::ConfirmsLost).unwrap();
            assert_eq!(lost.target, 0);
        }
    }

    #[test]
    fn the_first_fault_asks_to_wait_and_is_alone() {
        for seed in 0..50 {
            let plan = draw(seed, Duration::from_secs(60));
            let [first, second, ..] = plan.faults[..] else { panic!("few faults") };
            assert_eq!(first.kind, Kind::Throttled);
            assert!(second.at >= first.at + ALONE);
        }
    }

    #[test]
    fn faults_of_a_lane_do_not_overlap_and_all_end_in_time() {
        for seed in 0..50 {
            for minutes in [1, 3, 10] {
                let plan = draw(seed, Duration::from_secs(60 * minutes));
                for lane in Lane::ALL {
                    let mut free_from = CALM;
                    for fault in plan.faults.iter().filter(|fault| fault.kind.lane() == lane) {
                        assert!(fault.at >= free_from, "seed {seed}: {fault:?}");
                        assert!(fault.target < fault.kind.targets());
                        free_from = fault.at + fault.lasts;
                    }
                    assert!(free_from <= plan.seconds);
                }
            }
        }
    }

    #[test]
    fn some_ledger_is_shared_and_some_is_not() {
        for seed in 0..50 {
            let shares = draw(seed, THREE_MINUTES).shares_ledger;
            assert!(shares.contains(&true) && shares.contains(&false));
        }
    }
}
