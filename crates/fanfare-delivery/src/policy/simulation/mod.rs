//! A simulated destination, and what the policies make of it.
//!
//! Time is virtual and chance is seeded: every run of a scenario is the same, and a minute of
//! traffic takes milliseconds. A caller with always more to deliver keeps as many calls under
//! way as it may; its goodput is compared with that of a caller who knows at every moment how
//! many calls are best.

mod scenarios;
mod server;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use server::{Answer, Server};
use tokio::time::Instant;

use super::breaker::{Breaker, Charge};
use super::concurrency::{Concurrency, Load};

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
    tripped: u64,
    /// Every tenth of a second.
    limits: Vec<usize>,
    served_until: Vec<u64>,
}

/// A stand-in for the gate, which has its own tests.
#[derive(Debug, Default)]
struct Gate {
    closed_until: u64,
    /// Good answers still wanted before everybody may go.
    probes: u32,
}

const SECOND: u64 = 1_000_000;
const TENTH: u64 = SECOND / 10;
const CLOSED: u64 = 5 * SECOND;
const PROBES: u32 = 3;

/// A caller and a server, at a moment in microseconds.
struct World {
    caller: Caller,
    server: Server,
    now: u64,
    epoch: Instant,
    answers: BinaryHeap<Reverse<Answer>>,
    in_flight: usize,
    concurrency: Concurrency,
    breaker: Breaker,
    gate: Gate,
    run: Run,
}

fn simulate(caller: Caller, mut server: Server, phases: &[Phase]) -> Run {
    let (Caller::Adaptive { max } | Caller::Oracle { max }) = caller;
    server.phase = phases[0];
    let mut world = World {
        caller,
        server,
        now: 0,
        epoch: Instant::now(),
        answers: BinaryHeap::new(),
        in_flight: 0,
        concurrency: Concurrency::new(max),
        breaker: Breaker::default(),
        gate: Gate::default(),
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
            while let Some(Reverse(answer)) = self.answers.peek().copied()
                && answer.at < tenth_ends
            {
                self.answers.pop();
                self.now = answer.at;
                self.hear(answer);
                self.start_calls();
            }
            self.now = tenth_ends;
            self.run.limits.push(self.limit());
            self.run.served_until.push(self.run.served);
        }
    }

    fn limit(&self) -> usize {
        match self.caller {
            Caller::Adaptive { .. } => self.concurrency.limit(),
            Caller::Oracle { max } => self.server.phase.knee.min(max),
        }
    }

    fn may_start(&self) -> bool {
        let limit = if self.gate.probes > 0 { 1 } else { self.limit() };
        self.in_flight < limit && self.now >= self.gate.closed_until
    }

    fn start_calls(&mut self) {
        self.answers.extend(self.server.take_waiting(self.now).map(Reverse));
        while self.may_start() {
            self.in_flight += 1;
            self.concurrency.started(self.in_flight);
            self.answers.extend(self.server.call(self.now).map(Reverse));
        }
    }

    fn hear(&mut self, answer: Answer) {
        self.in_flight -= 1;
        self.server.answered(answer);
        let charge = if answer.is_good { Charge::Good } else { Charge::Bad };
        let load = if answer.is_good { Load::Served } else { Load::PushedBack };
        self.run.served += u64::from(answer.is_good);
        self.run.refused += u64::from(!answer.is_good);
        if matches!(self.caller, Caller::Adaptive { .. }) {
            let now = self.epoch + Duration::from_micros(self.now);
            let took = Duration::from_micros(self.now - answer.called_at);
            self.concurrency.finished(now, took, load);
            self.note(charge);
        }
    }

    fn note(&mut self, charge: Charge) {
        let is_failing = self.breaker.record(charge);
        if self.now < self.gate.closed_until {
            return;
        }
        match charge {
            Charge::Good if self.gate.probes > 0 => {
                self.gate.probes -= 1;
                if self.gate.probes == 0 {
                    self.breaker.reset();
                }
            }
            Charge::Bad if self.gate.probes > 0 => {
                self.gate = Gate { closed_until: self.now + CLOSED, probes: PROBES };
            }
            _ if is_failing => {
                self.run.tripped += 1;
                self.gate = Gate { closed_until: self.now + CLOSED, probes: PROBES };
            }
            _ => {}
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

    fn served(&self, from_second: usize, to_second: usize) -> u64 {
        let until = |second: usize| match second {
            0 => 0,
            _ => self.served_until[second * 10 - 1],
        };
        until(to_second) - until(from_second)
    }
}
