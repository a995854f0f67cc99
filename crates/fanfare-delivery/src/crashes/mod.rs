//! Every moment at which the work on events can be interrupted, and what comes of each.
//!
//! The engine here is the real one: `Engine::work` with its policies, its ledger, its successors
//! and its coalesced acks, polled by hand ([`process`]). The broker and the API are played
//! ([`site`]): between any two steps of the engine whatever they may do is tried, and whatever
//! may go wrong, in every order. What the engine does next follows from what it was told, so it
//! is asked once and remembered ([`lives`]).
//!
//! What is always true, and checked in every state:
//!
//! - an event that has not ended has a copy on the broker or at hand, so nothing is lost;
//! - whatever has gone wrong, everything comes to rest once no more does, and then each event
//!   has ended: it was delivered, or is a dead letter;
//! - it ended once, and had one effect; and once more at most for each time that something was
//!   lost when it mattered ([`tally::When`]): between what the API or the broker has taken, and
//!   the ack that the queue has.
//!
//! Left out: batches, ordered destinations, poison, and the loop that takes deliveries; and the
//! task that publishes, which is checked where it is.

mod api;
mod consumer;
mod copy;
mod house;
mod key;
mod life;
mod lives;
mod process;
mod rules;
mod site;
mod steps;
mod tally;

use std::collections::BTreeSet;

use crate::policy::AmbiguousPolicy;
use fanfare_sandbox::explore::{Explored, Story, explore};
use house::House;
use rules::{CALM, Faults, Mistake, NONE, Rules};
use steps::Answer;

/// One event, and every answer: two attempts, and this goes wrong.
fn one(faults: Faults) -> Rules {
    Rules { faults, ..CALM }
}

/// So many events, which are delivered or refused.
fn simple(events: usize, faults: Faults) -> Rules {
    Rules { events, attempts: 1, refusals: &[Answer::Never], faults, ..CALM }
}

fn sound(rules: Rules) -> Explored {
    explore(House::of(rules, 1)).unwrap_or_else(|story| panic!("{rules:?}\n{story}"))
}

fn broken(mistake: Mistake) -> Story {
    let found = explore(House::of(Rules { mistake, ..simple(1, ONE_DEATH) }, 1));
    found.expect_err("such a consumer loses events")
}

const ONE_DEATH: Faults = Faults { deaths: 1, ..NONE };
const ONE_CUT: Faults = Faults { cuts: 1, ..NONE };
const ONE_CONFIRM: Faults = Faults { confirms: 1, ..NONE };
const ONE_ANSWER: Faults = Faults { answers: 1, ..NONE };

#[test]
fn where_nothing_goes_wrong_an_event_ends_once() {
    let holds = Faults { holds: 1, ..NONE };
    for rules in [one(NONE), one(holds), simple(2, NONE)] {
        assert_eq!(sound(rules).remarks, BTreeSet::new());
    }
}

/// All that one loss can double, and when: whatever is not here doubles nothing.
#[test]
fn a_loss_doubles_only_what_was_taken_and_not_acked() {
    let cuts = [Rules { refusals: &[Answer::Later], ..one(ONE_CUT) }, simple(1, ONE_CUT)];
    let all = [one(ONE_DEATH), one(ONE_CONFIRM), one(ONE_ANSWER)].into_iter().chain(cuts);
    let remarks: BTreeSet<_> = all.flat_map(|rules| sound(rules).remarks).collect();
    let remarks: Vec<_> = remarks.iter().map(String::as_str).collect();
    assert_eq!(
        remarks,
        [
            "answer lost, the API having it: called for twice",
            "answer lost, the API having it: delivered and dead",
            // Its process lives, so its ledger knows what was delivered, and what is dead.
            "channel lost, its dead letter being on the broker: dead twice",
            "channel lost, its dead letter being on the broker: delivered and dead",
            "channel lost, its retry being on the broker: dead twice",
            "channel lost, its retry being on the broker: delivered and dead",
            "channel lost, its successor being on its way: dead twice",
            "channel lost, its successor being on its way: delivered and dead",
            "confirm lost, its dead letter being on the broker: dead twice",
            "confirm lost, its retry being on the broker: dead twice",
            "confirm lost, its retry being on the broker: delivered and dead",
            // Where a shared ledger is, the next process knows this, and what was delivered.
            "process lost, its dead letter being known: dead twice",
            "process lost, its dead letter being known: delivered and dead",
            "process lost, its dead letter being on the broker: dead twice",
            "process lost, its dead letter being on the broker: delivered and dead",
            "process lost, its retry being on the broker: called for twice",
            "process lost, its retry being on the broker: dead twice",
            "process lost, its retry being on the broker: delivered and dead",
            "process lost, the API having it: called for twice",
            "process lost, the API having it: delivered and dead",
        ]
    );
}

#[test]
fn losses_add_up_and_no_more() {
    let none = NONE;
    for faults in [
        Faults { deaths: 2, ..none },
        Faults { deaths: 1, cuts: 1, ..none },
        Faults { deaths: 1, confirms: 1, ..none },
        Faults { deaths: 1, answers: 1, ..none },
        Faults { cuts: 1, confirms: 1, ..none },
        Faults { deaths: 1, holds: 1, ..none },
    ] {
        sound(simple(1, faults));
    }
}

#[test]
fn two_events_at_hand_end_whatever_their_process_and_their_channel_do() {
    sound(simple(2, ONE_DEATH));
    sound(simple(2, ONE_CUT));
    sound(simple(2, Faults { confirms: 1, ..NONE }));
}

/// So what is true of two events at one destination is true of them at two.
#[test]
fn destinations_have_nothing_in_common() {
    for rules in [simple(2, NONE), simple(1, ONE_DEATH)] {
        let one = sound(rules).states;
        let both = explore(House::of(rules, 2)).unwrap_or_else(|story| panic!("{story}"));
        assert_eq!(both.states, one * one);
    }
}

#[test]
fn an_api_that_tells_what_it_has_is_not_called_twice() {
    for faults in [ONE_DEATH, ONE_CONFIRM, ONE_ANSWER] {
        let rules = Rules { api_tells: true, refusals: &[Answer::Later], ..one(faults) };
        assert_eq!(doubled_calls(&sound(rules)), 0);
    }
}

#[test]
fn where_silence_is_for_a_person_an_answer_that_is_lost_repeats_no_call() {
    let rules = Rules { ambiguous: AmbiguousPolicy::Hold, ..one(ONE_ANSWER) };
    let found = sound(rules);
    assert_eq!(doubled_calls(&found), 0);
    assert!(found.remarks.iter().any(|remark| remark.ends_with("delivered and dead")));
}

fn doubled_calls(found: &Explored) -> usize {
    found.remarks.iter().filter(|remark| remark.contains("called for twice")).count()
}

#[test]
fn an_ack_before_the_call_is_found_out() {
    assert_eq!(
        broken(Mistake::AckBeforeTheCall).to_string(),
        "  1. the broker hands over A for attempt 1\n  \
           2. the process dies\n  \
         => A is lost"
    );
}

#[test]
fn an_ack_before_the_confirm_is_found_out() {
    assert_eq!(
        broken(Mistake::AckBeforeTheConfirm).to_string(),
        "  1. the broker hands over A for attempt 1\n  \
           2. the call for A is refused for good\n  \
           3. the process takes the dead letter of A for confirmed\n  \
           4. the broker hears what is acked\n  \
         => A is lost"
    );
}
