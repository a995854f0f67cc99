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
    /// It refuses them, and quickly.
    Refuse,
}

/// How the time of a call varies, as a factor.
pub(super) type Jitter = fn(&mut fastrand::Rng) -> f64;

/// An answer that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Answer {
    pub(super) at: u64,
    pub(super) called_at: u64,
    pub(super) is_good: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) phase: Phase,
    beyond: Beyond,
    jitter: Jitter,
    chance: fastrand::Rng,
    serving: usize,
    /// When the waiting calls came.
    waiting: VecDeque<u64>,
}

/// 2 ms: a refusal takes no work.
const REFUSAL: u64 = 2_000;

impl Server {
    pub(super) fn new(beyond: Beyond, jitter: Jitter, seed: u64) -> Self {
        let phase = Phase { seconds: 0, knee: 1, latency: 1.0, fails: 0.0 };
        let chance = fastrand::Rng::with_seed(seed);
        Self { phase, beyond, jitter, chance, serving: 0, waiting: VecDeque::new() }
    }

    /// A call comes in. No answer yet means that it waits.
    pub(super) fn call(&mut self, now: u64) -> Option<Answer> {
        let is_full = self.serving >= self.phase.knee;
        if self.chance.f64() < self.phase.fails || is_full && self.beyond == Beyond::Refuse {
            return Some(Answer { at: now + REFUSAL, called_at: now, is_good: false });
        }
        if is_full && self.beyond == Beyond::Queue {
            self.waiting.push_back(now);
            return None;
        }
        Some(self.serve(now, now))
    }

    /// The waiting calls for which there is a place now.
    pub(super) fn take_waiting(&mut self, now: u64) -> impl Iterator<Item = Answer> {
        let mut served = Vec::new();
        while self.serving < self.phase.knee
            && let Some(called_at) = self.waiting.pop_front()
        {
            served.push(self.serve(called_at, now));
        }
        served.into_iter()
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        self.serving -= usize::from(answer.is_good);
    }

    fn serve(&mut self, called_at: u64, now: u64) -> Answer {
        self.serving += 1;
        let crowd = (self.serving as f64 / self.phase.knee as f64).max(1.0);
        let millis = self.phase.latency * (self.jitter)(&mut self.chance) * crowd;
        Answer { at: now + (millis * 1_000.0) as u64 + 1, called_at, is_good: true }
    }
}
