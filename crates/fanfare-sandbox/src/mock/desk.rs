//! The control in force: decides request by request what goes wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::capacity::Capacity;
use super::control::{Control, ControlError};
use super::fault::Fault;
use super::locked;

/// The control in force, and where its script and its draws stand.
#[derive(Debug)]
pub(crate) struct ControlDesk {
    active: Mutex<Active>,
    reads_bodies: AtomicBool,
    injected: AtomicU64,
    pub(crate) capacity: Capacity,
    healed: Mutex<CancellationToken>,
}

/// What was decided for one request.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) fault: Fault,
    /// What happens where there is no place for it, if it is not to wait for one.
    pub(crate) beyond: Option<Fault>,
    pub(crate) latency: Duration,
    pub(crate) date_skew_s: i64,
    pub(crate) whole_batches: bool,
}

#[derive(Debug)]
struct Active {
    control: Control,
    /// One generator and one count of uses per rule.
    draws: Vec<(fastrand::Rng, u64)>,
    jitter: fastrand::Rng,
}

impl ControlDesk {
    pub(crate) fn new() -> Self {
        Self {
            active: Mutex::new(Active::new(Control::default())),
            reads_bodies: AtomicBool::new(false),
            injected: AtomicU64::new(0),
            capacity: Capacity::default(),
            healed: Mutex::default(),
        }
    }

    /// Replaces everything that goes wrong. Requests that hang already go on hanging.
    pub(crate) fn set(&self, control: Control) -> Result<(), ControlError> {
        control.check()?;
        let reads_bodies = control.rules.iter().any(|rule| rule.body_contains.is_some());
        self.capacity.set(control.capacity);
        let mut active = locked(&self.active);
        *active = Active::new(control);
        self.reads_bodies.store(reads_bodies, Ordering::Release);
        Ok(())
    }

    /// Nothing goes wrong any more; connections of hanging requests are closed.
    pub(crate) fn heal(&self) {
        self.capacity.set(None);
        *locked(&self.active) = Active::new(Control::default());
        self.reads_bodies.store(false, Ordering::Release);
        std::mem::take(&mut *locked(&self.healed)).cancel();
    }

    /// What is in force, with what is left of the script.
    pub(crate) fn current(&self) -> Control {
        locked(&self.active).control.clone()
    }

    /// Faults injected since the start.
    pub(crate) fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }

    /// Whether a decision needs the body.
    pub(crate) fn reads_bodies(&self) -> bool {
        self.reads_bodies.load(Ordering::Acquire)
    }

    pub(crate) fn decide(&self, body: &[u8]) -> Verdict {
        let verdict = locked(&self.active).decide(body);
        self.count(&verdict.fault);
        verdict
    }

    /// A fault happens.
    pub(crate) fn count(&self, fault: &Fault) {
        if fault.name().is_some() {
            self.injected.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Ends when the mock is healed after the call.
    pub(crate) fn healed(&self) -> CancellationToken {
        locked(&self.healed).clone()
    }
}

impl Active {
    fn new(control: Control) -> Self {
        let seeds = control.rules.iter().map(|rule| rule.seed);
        let draws = seeds.map(|seed| (fastrand::Rng::with_seed(seed), 0)).collect();
        Self { control, draws, jitter: fastrand::Rng::new() }
    }

    fn decide(&mut self, body: &[u8]) -> Verdict {
        let fault = self
            .ruled(body)
            .or_else(|| self.control.script.pop_front())
            .or_else(|| self.control.all.clone())
            .unwrap_or_default();
        let jitter = match self.control.jitter_ms {
            0 => 0,
            most => self.jitter.u64(0..=most),
        };
        let latency_ms = self.control.latency_ms + jitter + fault.latency_ms;
        Verdict {
            beyond: self.control.beyond.clone(),
            latency: Duration::from_millis(latency_ms),
            date_skew_s: self.control.date_skew_s,
            whole_batches: self.control.whole_batches,
            fault,
        }
    }

    fn ruled(&mut self, body: &[u8]) -> Option<Fault> {
        self.control.rules.iter().zip(&mut self.draws).find_map(|(rule, (rng, used))| {
            let applies = rule.times.is_none_or(|times| *used < times)
                && rule.body_contains.as_ref().is_none_or(|text| contains(body, text.as_bytes()))
                // Drawn last, so that a seed decides only about requests it was asked about.
                && rule.rate.is_none_or(|rate| rng.f64() < rate);
            *used += u64::from(applies);
            applies.then(|| rule.fault.clone())
        })
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}
