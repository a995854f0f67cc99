//! A simulated destination, and what the permits make of it: breaker, gate, concurrency and
//! all.
//!
//! Time is virtual and chance is seeded: every run of a scenario is the same, and a minute of
//! traffic takes milliseconds. A caller with always more to deliver keeps as many calls under
//! way as it may; its goodput is compared with that of a caller who knows at every moment how
//! many calls are best.

mod scenarios;
mod server;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use server::{Answer, Call, GOOD, Server};
use tokio::time::Instant;

use super::ending::Ending;
use super::state::{Granted, State};
use crate::http::outcome_of_status;
use crate::outcome::Reason;
use crate::policy::Wait;

/// How a destination is for a while.
#[derive(Clone, Copy, Debug)]
struct Phase {
    seconds: u64,
    /// Calls that it serves at the same time.
    knee: usize,
    /// How long serving one takes, in milliseconds.
    latency: f64,
    /// The share of calls that it answers with 503.
    fails: f64,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Caller {
    /// The policies, with at most so many calls.
    Adaptive { max: usize },
    /// Somebody who knows the knee.
    Oracle { max: usize },
}

/// What came of it.
#[derive(Debug, Default)]
struct Run {
    served: u64,
    refused: u64,
    /// How often nothing was called for a while.
    closed: u64,
    /// At which seconds it was found well again.
    opened: Vec<f64>,
    /// Every tenth of a second.
    limits: Vec<usize>,
}

const SECOND: u64 = 1_000_000;
const TENTH: u64 = SECOND / 10;

/// A caller and a server, at a moment in microseconds.
struct World {
    caller: Caller,
    server: Server,
    now: u64,
    epoch: Instant,
    answers: BinaryHeap<Reverse<Answer>>,
    in_flight: usize,
    permits: State,
    /// What the calls under way hold, by their number.
    granted: HashMap<u64, Granted>,
    started: u64,
    /// When it is time to ask for a permit again.
    wakes_at: u64,
    run: Run,
}

fn simulate(caller: Caller, mut server: Server, phases: &[Phase]) -> Run {
    let (Caller::Adaptive { max } | Caller::Oracle { max }) = caller;
    // The pauses of the gate are drawn from it.
    fastrand::seed(server.seed);
    let epoch = Instant::now();
    server.phase = phases[0];
    let mut world = World {
        caller,
        server,
        now: 0,
        epoch,
        answers: BinaryHeap::new(),
        in_flight: 0,
        permits: State::new(max, None, epoch),
        granted: HashMap::new(),
        started: 0,
        wakes_at: u64::MAX,
        run: Run::default(),
    };
    let mut end = 0;
    for phase in phases {
        world.server.phase = *phase;
        end += phase.seconds * SECOND;
        world.go_on_until(end);
    }
    world.run
}

impl World {
    fn go_on_until(&mut self, end: u64) {
        while self.now < end {
            let tenth_ends = self.now - self.now % TENTH + TENTH;
            self.start_calls();
            loop {
                let answer = self.answers.peek().map_or(u64::MAX, |Reverse(answer)| answer.at);
                let next = answer.min(self.wakes_at);
                if next >= tenth_ends {
                    break;
                }
                self.now = next;
                if answer == next
                    && let Some(Reverse(answer)) = self.answers.pop()
                {
                    self.hear(answer);
                }
                self.start_calls();
            }
            self.now = tenth_ends;
            self.run.limits.push(self.limit());
        }
    }

    fn limit(&self) -> usize {
        match self.caller {
            Caller::Adaptive { .. } => self.permits.limit(),
            Caller::Oracle { max } => self.server.phase.knee.min(max),
        }
    }

    fn may_start(&mut self) -> bool {
        self.wakes_at = u64::MAX;
        if matches!(self.caller, Caller::Oracle { .. }) {
            return self.in_flight < self.limit();
        }
        match self.permits.admit(self.epoch + Duration::from_micros(self.now), true) {
            Ok(Some(granted)) => {
                self.granted.insert(self.started, granted);
                return true;
            }
            Err(Wait::Until(moment)) => {
                self.wakes_at = (moment - self.epoch).as_micros() as u64 + 1;
            }
            Ok(None) | Err(Wait::AfterCalls) => {}
        }
        false
    }

    fn start_calls(&mut self) {
        self.answers.extend(self.server.take_waiting(self.now).map(Reverse));
        while self.may_start() {
            self.in_flight += 1;
            let call = Call { number: self.started, at: self.now };
            self.started += 1;
            self.answers.extend(self.server.call(call).map(Reverse));
        }
    }

    fn hear(&mut self, answer: Answer) {
        self.in_flight -= 1;
        self.server.answered(answer);
        let is_good = answer.status == GOOD;
        self.run.served += u64::from(is_good);
        self.run.refused += u64::from(!is_good);
        if let Some(granted) = self.granted.remove(&answer.call.number) {
            let reason = Reason { status: Some(answer.status), ..Reason::default() };
            let outcome = outcome_of_status(answer.status, None, reason);
            let took = Duration::from_micros(self.now - answer.call.at);
            let now = self.epoch + Duration::from_micros(self.now);
            let consequence = self.permits.ended(granted, Ending::of(&outcome, took, None), now);
            let is_news = consequence.closed.is_some_and(|closed| closed.is_news);
            self.run.closed += u64::from(is_news);
            if consequence.opened {
                self.run.opened.push(self.now as f64 / SECOND as f64);
            }
        }
    }
}

impl Run {
    fn limits(&self, from_second: usize, to_second: usize) -> &[usize] {
        &self.limits[from_second * 10..to_second * 10]
    }

    /// How many seconds after `from_second` the limit is first as `wanted`.
    fn seconds_until(&self, from_second: usize, wanted: impl Fn(usize) -> bool) -> f64 {
        let limits = &self.limits[from_second * 10..];
        let tenths = limits.iter().position(|limit| wanted(*limit));
        tenths.map_or(f64::INFINITY, |tenths| tenths as f64 / 10.0)
    }
}
