//! Who may call the destination now, and what each call tells the next ones.
//!
//! Everything that limits calls meets here: the gate, the breaker, the number of calls at the
//! same time, the rate that the operator sets and the one that the API tells. Whoever wants to
//! call stands in one line, and only its head looks whether it may; so calls start in the order
//! of the queue, and a call that ends wakes one, not all.
//!
//! Where the rate is shared, the head asks the other processes last, when nothing here stands
//! against the call; what changed meanwhile is looked at again before it starts.

mod consequence;
mod ending;
#[cfg(test)]
mod simulation;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use consequence::Consequence;
pub(crate) use ending::Ending;
use state::{Granted, State};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::outcome::Trouble;
use crate::policy::{Admission, Cost, Lesson, RateLimit, Standing, Wait};
use crate::shared_rate::{Agreement, SharedPlace, SharedRate};

/// Gives out permits to call, one for each call.
#[derive(Debug)]
pub(crate) struct Permits {
    line: Semaphore,
    changed: Notify,
    /// Woken when the right to probe is to be asked for.
    asking: Notify,
    state: Mutex<State>,
    /// The rate of all processes, on top of this one's own.
    shared_rate: Option<SharedRate>,
}

/// The right to make one call. Dropped unused, it is as if it had never been given.
#[must_use]
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    permits: &'a Permits,
    /// Until the call ends.
    granted: Option<Granted>,
    shared: Option<SharedPlace<'a>>,
}

/// There will be no permit: what waits for one is to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dismissed;

impl Permits {
    pub(crate) fn new(max_concurrency: usize, rate: Option<RateLimit>) -> Self {
        let state = State::new(max_concurrency, rate, Instant::now());
        Self {
            line: Semaphore::new(1),
            changed: Notify::new(),
            asking: Notify::new(),
            state: Mutex::new(state),
            shared_rate: None,
        }
    }

    /// The same, with a rate that is shared with other processes.
    pub(crate) fn sharing(self, shared_rate: Option<SharedRate>) -> Self {
        Self { shared_rate, ..self }
    }

    /// A permit, once it is due.
    pub(crate) async fn acquire(&self) -> Result<Permit<'_>, Dismissed> {
        let dismissals = self.state().dismissals;
        let _head = self.line.acquire().await.map_err(|_| Dismissed)?;
        let mut agreement = Agreement::of(self.shared_rate.as_ref());
        loop {
            let admission = {
                let mut state = self.state();
                if state.is_closed || state.accord.is_paused() || state.dismissals != dismissals {
                    return Err(Dismissed);
                }
                let now = Instant::now();
                let admitted = state.admit(now, agreement.is_reached(now));
                state.is_rationed = match admitted {
                    Ok(Some(_)) | Err(Wait::AfterCalls) => false,
                    Ok(None) => agreement.is_refused(),
                    Err(Wait::Until(_)) => true,
                };
                if state.accord.is_asking() {
                    self.asking.notify_one();
                }
                admitted
            };
            match admission {
                Ok(Some(granted)) => {
                    return Ok(Permit {
                        permits: self,
                        granted: Some(granted),
                        shared: agreement.into_place(),
                    });
                }
                Ok(None) => agreement.seek(&self.changed).await,
                Err(wait) => {
                    // Meanwhile the others may have the place.
                    agreement.give_back();
                    self.wait(wait).await;
                }
            }
        }
    }

    /// Returns when there is a permit for whoever comes next. That takes a place in the line.
    pub(crate) async fn vacancy(&self) {
        // If there will be none, that is for those to hear who wait for one.
        drop(self.acquire().await);
    }

    /// Whether those in the line wait for their time to come, and not for calls to end.
    pub(crate) fn is_rationed(&self) -> bool {
        self.state().is_rationed
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
        let lesson = self.state().learn(standing, Instant::now());
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
        {
            let mut state = self.state();
            state.dismissals += 1;
            state.is_rationed = false;
        }
        self.changed.notify_one();
    }

    /// Gives no more permits, for good.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    /// Returns when the other processes know what this one called, as far as that is quickly
    /// done.
    pub(crate) async fn settled(&self) {
        if let Some(shared_rate) = &self.shared_rate {
            shared_rate.close().await;
        }
    }

    /// Calls under way.
    pub(crate) fn calls(&self) -> usize {
        self.state().calls()
    }

    /// Calls that may be under way at the same time, for now.
    pub(crate) fn limit(&self) -> usize {
        self.state().limit()
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

    /// Waits until it is time to look again.
    async fn wait(&self, wait: Wait) {
        let changed = self.changed.notified();
        match wait {
            Wait::Until(moment) => timeout_at(moment, changed).await.unwrap_or_default(),
            Wait::AfterCalls => changed.await,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The call begins: the other processes count it from now on, whoever waits for its end.
    pub(crate) fn begin(&mut self) {
        if let Some(place) = &mut self.shared {
            place.begin();
        }
    }

    /// The call ended.
    pub(crate) fn ended(mut self, ending: Ending) -> Consequence {
        let Some(granted) = self.granted.take() else { return Consequence::default() };
        let consequence = self.permits.state().ended(granted, ending, Instant::now());
        self.permits.changed.notify_one();
        consequence
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let Some(granted) = self.granted.take() else { return };
        self.permits.state().unused(granted);
        self.permits.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
