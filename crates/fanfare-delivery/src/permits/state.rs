//! The state behind the permits: everything that limits calls, asked and told together.
//!
//! It is told the time, so that a simulation can play it through.

use std::time::Duration;

use tokio::time::Instant;

use super::consequence::{Closed, Consequence};
use super::ending::Ending;
use crate::outcome::Trouble;
use crate::policy::{
    Accord, Admission, Answered, Asked, Breaker, Charge, Concurrency, Doubt, Gate, HintedLimit,
    Lesson, Load, Place, RateLimit, RateWindow, RetryBudget, Sign, Standing, Wait,
};

/// What limits the calls to one destination.
#[derive(Debug)]
pub(super) struct State {
    pub(super) gate: Gate,
    breaker: Breaker,
    doubt: Doubt,
    concurrency: Concurrency,
    pub(super) budget: RetryBudget,
    rate: Option<RateWindow>,
    hinted: HintedLimit,
    /// Calls under way.
    calls: usize,
    pub(super) accord: Accord,
    /// How often the line was told to leave.
    pub(super) dismissals: u64,
    pub(super) is_closed: bool,
    /// Whether the head of the line waits for its time to come.
    pub(super) is_rationed: bool,
}

/// What a permit holds.
#[must_use]
#[derive(Debug)]
pub(super) struct Granted {
    is_probe: bool,
    place: Option<Place>,
    asked: Asked,
}

impl State {
    pub(super) fn new(max_concurrency: usize, rate: Option<RateLimit>, now: Instant) -> Self {
        Self {
            gate: Gate::default(),
            breaker: Breaker::default(),
            doubt: Doubt::default(),
            concurrency: Concurrency::new(max_concurrency),
            budget: RetryBudget::new(now),
            rate: rate.map(RateWindow::new),
            hinted: HintedLimit::default(),
            calls: 0,
            accord: Accord::default(),
            dismissals: 0,
            is_closed: false,
            is_rationed: false,
        }
    }

    /// Whether a call may start now; if so, it has started. `None` if it may as soon as the
    /// other processes agree.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        others_agree: bool,
    ) -> Result<Option<Granted>, Wait> {
        let is_probe = match self.gate.admission(now, self.calls) {
            Admission::Granted => false,
            Admission::Probe => true,
            Admission::At(moment) => return Err(Wait::Until(moment)),
            Admission::AfterCalls => return Err(Wait::AfterCalls),
        };
        if let Some(until) = self.doubt.until(now) {
            return Err(Wait::Until(until));
        }
        if self.calls >= self.concurrency.limit() {
            return Err(Wait::AfterCalls);
        }
        self.hinted.admission(self.calls, now)?;
        let place = self.rate.as_mut().map(|rate| rate.take(now)).transpose()?;
        if !others_agree {
            self.give_back(place);
            return Ok(None);
        }
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
        } else {
            self.concurrency.started(self.calls);
        }
        Ok(Some(Granted { is_probe, place, asked: self.hinted.started() }))
    }

    /// A call ended.
    pub(super) fn ended(&mut self, granted: Granted, ending: Ending, now: Instant) -> Consequence {
        let Granted { is_probe, place, asked } = granted;
        self.calls -= 1;
        if let (Some(rate), Some(place)) = (&mut self.rate, place) {
            rate.ended(place, now);
        }
        self.hinted.ended(asked, ending.hint, self.calls, now);
        // A probe is alone: its answer says nothing of how many calls are too many.
        match (is_probe, ending.load) {
            (false, load) => self.concurrency.finished(now, ending.took, load),
            (true, Load::Throttled) => self.concurrency.throttled_alone(now),
            (true, _) => {}
        }
        let consequence = self.heard(ending.sign, is_probe, now);
        if consequence.opened {
            self.concurrency.start_over(now);
        }
        consequence
    }

    /// A call that was granted was not made.
    pub(super) fn unused(&mut self, granted: Granted) {
        self.calls -= 1;
        self.hinted.unused(granted.asked);
        self.give_back(granted.place);
    }

    /// Takes in how the destination stands by the control log, `None` where there is none.
    pub(super) fn learn(&mut self, standing: Option<Standing>, now: Instant) -> Lesson {
        let met = self.gate.trouble();
        let lesson = self.accord.learn(standing, met);
        match lesson {
            Lesson::Hold(until) => {
                self.gate.hold_until(Trouble::Throttled, until);
                // What a probe of another process was told.
                self.concurrency.throttled_alone(now);
            }
            Lesson::Open => {
                self.gate.open();
                self.concurrency.start_over(now);
            }
            Lesson::Nothing => {}
        }
        lesson
    }

    /// Calls under way.
    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Calls that may be under way at the same time, for now.
    pub(super) fn limit(&self) -> usize {
        self.concurrency.limit()
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
                if self.doubt.ends(now) {
                    self.breaker.reset();
                }
                self.breaker.record(Charge::Good);
                self.budget.succeeded();
                let opened = self.gate.answered(was_probe) == Answered::Opened;
                Consequence { opened, ..Consequence::default() }
            }
            Sign::Charge(charge) => {
                let trips = self.breaker.record(charge) && !self.gate.is_closed();
                let consequence = if was_probe || (trips && !self.is_in_doubt(charge, now)) {
                    self.hold(Self::trouble_of(charge), None, was_probe, now)
                } else {
                    Consequence::default()
                };
                // As are those that were under way when others found it out.
                let is_excused = self.gate.is_closed() || self.doubt.until(now).is_some();
                Consequence { is_excused, ..consequence }
            }
        }
    }

    /// Whether those that are under way may show that the destination was only asked too much.
    fn is_in_doubt(&mut self, charge: Charge, now: Instant) -> bool {
        let is_waiting = self.doubt.until(now).is_some() && self.calls > 0;
        let limit = self.concurrency.limit();
        charge == Charge::Bad && (is_waiting || self.doubt.arises(self.calls, limit, now))
    }

    /// What the breaker opens for.
    fn trouble_of(charge: Charge) -> Trouble {
        match charge {
            Charge::Unsent => Trouble::Unreachable,
            Charge::Bad | Charge::Good => Trouble::Failing,
        }
    }

    pub(super) fn hold(
        &mut self,
        trouble: Trouble,
        pause: Option<Duration>,
        probe_failed: bool,
        now: Instant,
    ) -> Consequence {
        // What was counted is paid for by the pause.
        self.breaker.reset();
        self.doubt.ends(now);
        let is_shared = trouble == Trouble::Throttled
            || (probe_failed && self.accord.is_shared(self.gate.trouble()));
        let (until, is_news) = self.gate.hold(trouble, pause, now);
        let closed = Closed { trouble, until, is_news, is_shared };
        Consequence { closed: Some(closed), probe_failed, ..Consequence::default() }
    }
}
