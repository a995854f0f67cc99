//! A server with a knee: so many calls at the same time, and no more.

use std::collections::VecDeque;

use super::Phase;

/// What a server does with more calls than it can serve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Beyond {
    /// They wait for a place.
    Queue,
    /// All get slower together.
    Share,
    /// It refuses them, and quickly, with this status.
    Refuse(u16),
}

/// How the time of a call varies, as a factor.
pub(super) type Jitter = fn(&mut fastrand::Rng) -> f64;

/// An answer that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    pub(super) at: u64,
    pub(super) call: Call,
    pub(super) status: u16,
}

/// A call, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) number: u64,
    pub(super) at: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) phase: Phase,
    beyond: Beyond,
    jitter: Jitter,
    pub(super) seed: u64,
    chance: fastrand::Rng,
    serving: usize,
    waiting: VecDeque<Call>,
}

/// 2 ms: a refusal takes no work.
const REFUSAL: u64 = 2_000;
pub(super) const GOOD: u16 = 200;
const FAILS: u16 = 503;

impl Server {
    pub(super) fn new(beyond: Beyond, jitter: Jitter, seed: u64) -> Self {
        let phase = Phase { seconds: 0, knee: 1, latency: 1.0, fails: 0.0 };
        let chance = fastrand::Rng::with_seed(seed);
        Self { phase, beyond, jitter, seed, chance, serving: 0, waiting: VecDeque::new() }
    }

    /// A call comes in. No answer yet means that it waits.
    pub(super) fn call(&mut self, call: Call) -> Option<Answer> {
        let is_full = self.serving >= self.phase.knee;
        let refusal = match self.beyond {
            _ if self.chance.f64() < self.phase.fails => Some(FAILS),
            Beyond::Refuse(status) if is_full => Some(status),
            Beyond::Refuse(_) | Beyond::Queue | Beyond::Share => None,
        };
        if let Some(status) = refusal {
            return Some(Answer { at: call.at + REFUSAL, call, status });
        }
        if is_full && self.beyond == Beyond::Queue {
            self.waiting.push_back(call);
            return None;
        }
        Some(self.serve(call, call.at))
    }

    /// The waiting calls for which there is a place now.
    pub(super) fn take_waiting(&mut self, now: u64) -> impl Iterator<Item = Answer> {
        let mut served = Vec::new();
        while self.serving < self.phase.knee
            && let Some(call) = self.waiting.pop_front()
        {
            served.push(self.serve(call, now));
        }
        served.into_iter()
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        self.serving -= usize::from(answer.status == GOOD);
    }

    fn serve(&mut self, call: Call, now: u64) -> Answer {
        self.serving += 1;
        let crowd = (self.serving as f64 / self.phase.knee as f64).max(1.0);
        let millis = self.phase.latency * (self.jitter)(&mut self.chance) * crowd;
        Answer { at: now + (millis * 1_000.0) as u64 + 1, call, status: GOOD }
    }
}
