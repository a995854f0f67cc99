//! Who may call the destination now, and what each call tells the next ones.
//!
//! Everything that limits calls meets here: the gate, the breaker, the number of calls at the
//! same time, the rate that the operator sets and the one that the API tells. Whoever wants to call stands in one line, and only its head looks whether
//! it may; so calls start in the order of the queue, and a call that ends wakes one, not all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::outcome::Trouble;
use crate::policy::{
    Accord, Admission, Answered, Asked, Breaker, Charge, Cost, Gate, HintedLimit, Lesson, Place,
    RateHint, RateLimit, RateWindow, RetryBudget, Sign, Standing, Wait,
};

/// Gives out permits to call, one for each call.
#[derive(Debug)]
pub(crate) struct Permits {
    line: Semaphore,
    changed: Notify,
    /// Woken when the right to probe is to be asked for.
    asking: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    gate: Gate,
    breaker: Breaker,
    max_concurrency: usize,
    budget: RetryBudget,
    rate: Option<RateWindow>,
    hinted: HintedLimit,
    /// Calls under way.
    calls: usize,
    last_ended: Option<Instant>,
    /// How often the line was told to leave.
    dismissals: u64,
    accord: Accord,
    is_closed: bool,
}

/// The right to make one call. Dropped unused, it is as if it had never been given.
#[must_use]
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    permits: &'a Permits,
    granted: Granted,
    is_used: bool,
}

/// What a permit holds.
#[derive(Debug, Default)]
struct Granted {
    is_probe: bool,
    place: Option<Place>,
    asked: Option<Asked>,
}

/// There will be no permit: what waits for one is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dismissed;

/// What the end of a call meant for the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Consequence {
    /// The gate is closed.
    pub(crate) closed: Option<Closed>,
    /// The call was to find out whether the destination is well, and it is not.
    pub(crate) probe_failed: bool,
    /// The gate is open again.
    pub(crate) opened: bool,
}

/// Why nothing is called, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) trouble: Trouble,
    pub(crate) until: Instant,
    pub(crate) is_news: bool,
    /// Whether all replicas are to keep to it.
    pub(crate) is_shared: bool,
}

/// From the end of a call to the ack or the confirmed successor, by a good margin.
const SETTLING: Duration = Duration::from_secs(1);

impl Consequence {
    /// How long nothing is called from now on, if the gate is closed.
    pub(crate) fn closed_for(&self) -> Option<Duration> {
        self.closed.map(|closed| closed.until - Instant::now())
    }
}

impl Permits {
    pub(crate) fn new(max_concurrency: usize, rate: Option<RateLimit>) -> Self {
        let state = State {
            gate: Gate::default(),
            breaker: Breaker::default(),
            max_concurrency,
            budget: RetryBudget::new(Instant::now()),
            rate: rate.map(RateWindow::new),
            hinted: HintedLimit::default(),
            calls: 0,
            last_ended: None,
            dismissals: 0,
            accord: Accord::default(),
            is_closed: false,
        };
        Self {
            line: Semaphore::new(1),
            changed: Notify::new(),
            asking: Notify::new(),
            state: Mutex::new(state),
        }
    }

    /// A permit, once it is due.
    pub(crate) async fn acquire(&self) -> Result<Permit<'_>, Dismissed> {
        let dismissals = self.state().dismissals;
        let _head = self.line.acquire().await.map_err(|_| Dismissed)?;
        loop {
            let admission = {
                let mut state = self.state();
                if state.is_closed || state.accord.is_paused() || state.dismissals != dismissals {
                    return Err(Dismissed);
                }
                let admitted = state.admit(Instant::now());
                if state.accord.is_asking() {
                    self.asking.notify_one();
                }
                admitted
            };
            match admission {
                Ok(granted) => return Ok(Permit { permits: self, granted, is_used: false }),
                Err(Wait::Until(moment)) => {
                    // Either way it is time to look again.
                    timeout_at(moment, self.changed.notified()).await.unwrap_or_default();
                }
                Err(Wait::AfterCalls) => self.changed.notified().await,
            }
        }
    }

    /// Closes the gate for trouble that no call found.
    pub(crate) fn hold(&self, trouble: Trouble) -> Consequence {
        self.state().hold(trouble, None, false, Instant::now())
    }

    /// Pays for a retry; `Err` says how long to wait before asking again.
    pub(crate) fn spend(&self, cost: Cost) -> Result<(), Duration> {
        self.state().budget.take(Instant::now(), cost)
    }

    /// Gives back what a retry cost that did not fail.
    pub(crate) fn repay(&self, cost: Cost) {
        self.state().budget.repay(cost);
    }

    /// Takes in how the destination stands by the control log, `None` where there is none.
    pub(crate) fn learn(&self, standing: Option<Standing>) -> Lesson {
        let mut state = self.state();
        let met = state.gate.trouble();
        let lesson = state.accord.learn(standing, met);
        match lesson {
            Lesson::Hold(until) => {
                state.gate.hold_until(Trouble::Throttled, until);
            }
            Lesson::Open => state.gate.open(),
            Lesson::Nothing => {}
        }
        drop(state);
        self.changed.notify_one();
        lesson
    }

    /// Somebody who should know says that the trouble may be over.
    pub(crate) fn look_again(&self) {
        self.state().gate.look_again(Instant::now());
        self.changed.notify_one();
    }

    /// The control log gave the right to probe to this process.
    pub(crate) fn grant_probe(&self) {
        self.state().accord.grant();
        self.changed.notify_one();
    }

    /// Returns when the right to probe is to be asked for.
    pub(crate) async fn asks_for_probe(&self) {
        while !self.state().accord.is_asking() {
            self.asking.notified().await;
        }
    }

    /// Whether the destination is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.state().accord.is_paused()
    }

    /// Sends everybody away who waits for a permit.
    pub(crate) fn dismiss(&self) {
        self.state().dismissals += 1;
        self.changed.notify_one();
    }

    /// Gives no more permits, for good.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// Calls under way.
    pub(crate) fn calls(&self) -> usize {
        self.state().calls
    }

    /// Whether no call is under way, and none has ended so lately that its event may not be
    /// settled yet.
    pub(crate) fn is_quiet(&self) -> bool {
        let state = self.state();
        state.calls == 0 && state.last_ended.is_none_or(|ended| ended.elapsed() > SETTLING)
    }

    /// Calls that may be under way at the same time, for now.
    pub(crate) fn limit(&self) -> usize {
        self.state().max_concurrency
    }

    /// The trouble that the destination is in, as far as is known.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.state().gate.trouble()
    }

    /// Whether it is being found out whether the destination is well.
    pub(crate) fn is_probing(&self) -> bool {
        self.state().gate.is_probing()
    }

    /// Whether a call could start now if none were under way.
    pub(crate) fn may_start(&self) -> bool {
        let state = self.state();
        let admission = state.gate.admission(Instant::now(), 0);
        !state.accord.is_paused() && matches!(admission, Admission::Granted | Admission::Probe)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admit(&mut self, now: Instant) -> Result<Granted, Wait> {
        let is_probe = match self.gate.admission(now, self.calls) {
            Admission::Granted => false,
            Admission::Probe => true,
            Admission::At(moment) => return Err(Wait::Until(moment)),
            Admission::AfterCalls => return Err(Wait::AfterCalls),
        };
        if self.calls >= self.max_concurrency {
            return Err(Wait::AfterCalls);
        }
        self.hinted.admission(self.calls, now)?;
        let place = self.rate.as_mut().map(|rate| rate.take(now)).transpose()?;
        if is_probe
            && self.accord.is_shared(self.gate.trouble())
            && let Err(moment) = self.accord.take_probe(now)
        {
            self.give_back(place);
            return Err(Wait::Until(moment));
        }
        self.calls += 1;
        if is_probe {
            self.gate.probe_started();
        }
        Ok(Granted { is_probe, place, asked: Some(self.hinted.started()) })
    }

    fn give_back(&mut self, place: Option<Place>) {
        if let (Some(rate), Some(place)) = (&mut self.rate, place) {
            rate.unused(place);
        }
    }

    fn heard(&mut self, sign: Sign, was_probe: bool, now: Instant) -> Consequence {
        let was_probe = was_probe && self.gate.is_probing();
        match sign {
            Sign::Nothing => Consequence::default(),
            Sign::Trouble { trouble, pause } => self.hold(trouble, pause, was_probe, now),
            Sign::Charge(Charge::Good) => {
                self.breaker.record(Charge::Good);
                self.budget.succeeded();
                let opened = self.gate.answered(was_probe) == Answered::Opened;
                Consequence { opened, ..Consequence::default() }
            }
            Sign::Charge(charge) => {
                let trips = self.breaker.record(charge);
                if was_probe || (trips && !self.gate.is_closed()) {
                    self.hold(Self::trouble_of(charge), None, was_probe, now)
                } else {
                    Consequence::default()
                }
            }
        }
    }

    /// What the breaker opens for.
    fn trouble_of(charge: Charge) -> Trouble {
        match charge {
            Charge::Unsent => Trouble::Unreachable,
            Charge::Bad | Charge::Good => Trouble::Failing,
        }
    }

    fn hold(
        &mut self,
        trouble: Trouble,
        pause: Option<Duration>,
        probe_failed: bool,
        now: Instant,
    ) -> Consequence {
        // What was counted is paid for by the pause.
        self.breaker.reset();
        let is_shared = trouble == Trouble::Throttled
            || (probe_failed && self.accord.is_shared(self.gate.trouble()));
        let (until, is_news) = self.gate.hold(trouble, pause, now);
        let closed = Closed { trouble, until, is_news, is_shared };
        Consequence { closed: Some(closed), probe_failed, opened: false }
    }
}

impl Permit<'_> {
    /// The call ended, maybe with a hint at how many more the API takes.
    pub(crate) fn ended(mut self, sign: Sign, hint: Option<RateHint>) -> Consequence {
        self.is_used = true;
        let Granted { is_probe, place, asked } = std::mem::take(&mut self.granted);
        let now = Instant::now();
        let mut state = self.permits.state();
        state.calls -= 1;
        state.last_ended = Some(now);
        if let (Some(rate), Some(place)) = (&mut state.rate, place) {
            rate.ended(place, now);
        }
        if let Some(asked) = asked {
            let calls = state.calls;
            state.hinted.ended(asked, hint, calls, now);
        }
        let consequence = state.heard(sign, is_probe, now);
        drop(state);
        self.permits.changed.notify_one();
        consequence
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_used {
            return;
        }
        let mut state = self.permits.state();
        state.calls -= 1;
        state.give_back(self.granted.place.take());
        drop(state);
        self.permits.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
