//! Adaptive concurrency: how many calls at the same time a destination carries.
//!
//! After Vector's Adaptive Request Concurrency: once per round trip one more call when the
//! limit was reached and nothing pushed back, a tenth less when something did or when answers
//! got slow. It goes beyond ARC where ARC loses its way:
//!
//! - *What is slow?* ARC compares with a moving average, which follows a queue that grows by
//!   one call per round, so the limit creeps up to its maximum. A longer window (Gradient2)
//!   follows too, only later. Here the measure is the round trip of an uncrowded destination,
//!   and only an experiment raises it: if we are the crowd, half as many calls are answered
//!   faster. If they are not, the destination itself got slower, fewer calls would help nobody,
//!   and the limit goes back up at once.
//! - *Whose answers?* After a cut the calls from before it still tell of the crowd, and of those
//!   that start after it the quick ones end first. Nothing is judged until both are over.
//! - *How sure?* A sample is as large as the destination's own variation asks for.
//! - *How fast?* It starts low and rises by half with each round trip; steps grow while nothing
//!   pushes back. A refused call cuts at once: until the end of the round a server that refuses
//!   quickly would refuse hundreds.
//! - *Where is the edge?* Where calls were refused twice at the same number, that number is
//!   kept to for a while in place of a tenth less.
//! - *Is it the crowd?* Two failures in a hundred are chance, however many calls there are.

mod ceiling;
mod load;
mod pushback;
mod rise;
mod round_trips;
mod tolerance;
mod trial;

use std::time::Duration;

use ceiling::Ceiling;
pub(crate) use load::Load;
use pushback::Pushback;
use rise::{FIRST, Rise};
use round_trips::{Measured, RoundTrips, Sample};
use tokio::time::Instant;
use tolerance::Tolerance;
use trial::{Step, Trial, Why};

/// The limit of calls at the same time.
#[derive(Debug)]
pub(crate) struct Concurrency {
    max: usize,
    limit: usize,
    round: Round,
    rise: Option<Rise>,
    tolerance: Tolerance,
    pushback: Pushback,
    /// Since when the destination wants to be left alone.
    throttled_at: Option<Instant>,
    ceiling: Option<Ceiling>,
    /// Samples in a row that were not slow.
    calm: u32,
    sample: Sample,
    known: Option<RoundTrips>,
    trial: Option<Trial>,
    /// When it is time for a trial without any sign of trouble.
    look_at: Option<Instant>,
    /// In times that it takes to settle.
    look_after: u32,
}

#[derive(Debug, Default)]
struct Round {
    ends: Option<Instant>,
    reached: bool,
    /// Whether it was in the round before.
    was_reached: bool,
}

/// ARC's cut.
const TENTH: f64 = 0.9;
const HALF: f64 = 0.5;
/// In times that it takes to settle. A look takes about two of them at half of the calls, so
/// that all looks together cost one percent.
const LOOK_EVERY: u32 = 100;
/// The first look comes early, and the next not much later: whoever was crowded from its first
/// call on was never seen otherwise, and of the first answers the quick ones came first.
const FIRST_LOOK_AFTER: u32 = 10;
const CALM_SAMPLES_PER_STEP: u32 = 4;

/// The calls of a crowd are answered within this time, those of other processes included.
const LAST_OF_A_CROWD: Duration = Duration::from_secs(2);

impl Concurrency {
    /// Starts low, and is soon at `max` where nothing is in the way.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            limit: max.clamp(1, FIRST),
            round: Round::default(),
            rise: Some(Rise::default()),
            tolerance: Tolerance::default(),
            pushback: Pushback::default(),
            throttled_at: None,
            ceiling: None,
            calm: 0,
            sample: Sample::default(),
            known: None,
            trial: None,
            look_at: None,
            look_after: FIRST_LOOK_AFTER,
        }
    }

    /// Most calls at the same time, now.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// A call started; `in_flight` are under way with it.
    pub(crate) fn started(&mut self, in_flight: usize) {
        if in_flight >= self.limit {
            self.round.reached = true;
            self.sample.limit_reached();
        }
    }

    /// A call ended that took `took`.
    pub(crate) fn finished(&mut self, now: Instant, took: Duration, load: Load) {
        match load {
            Load::Served => {
                self.tolerance.served();
                self.pushback.served_one(now, took);
                // Of calls that become more and more the quick ones are answered first, so
                // that what they take says nothing.
                if self.rise.is_none() {
                    self.sample.add(now, took);
                }
            }
            Load::PushedBack if !self.foretold() && self.tolerance.takes() => {}
            Load::PushedBack => self.push_back(now, took),
            Load::Throttled => {
                self.throttled_at.get_or_insert(now);
                self.push_back(now, took);
            }
            Load::Unknown => {}
        }
        if self.round.ends.is_none_or(|ends| now >= ends) {
            self.end_round(now);
            let length = self.known.as_ref().map_or(took, RoundTrips::typical);
            let was_reached = self.round.reached;
            self.round = Round { ends: Some(now + length), reached: false, was_reached };
        }
        let is_reached = self.round.reached || self.round.was_reached;
        let is_refused = matches!(load, Load::PushedBack | Load::Throttled);
        if is_reached && !is_refused && self.rise.as_mut().is_some_and(Rise::answered) {
            self.grow_by(1, now);
        }
    }

    /// The destination was in trouble and is well again: what it carries now is found out as at
    /// the start, for it may have lost its caches, or half of its machines.
    pub(crate) fn start_over(&mut self, now: Instant) {
        let began = self.throttled_at.take();
        // Where none was served, it was no crowd that was one too many.
        let served = self.pushback.served().filter(|served| *served > 0);
        self.ceiling =
            began.zip(served).map(|(began, served)| Ceiling::paid_for(served, began, now));
        let at_most = self.ceiling.and_then(|ceiling| ceiling.at(now)).unwrap_or(self.max);
        self.limit = FIRST.min(at_most);
        self.rise = Some(Rise::default());
        self.calm = 0;
        self.round = Round::default();
        self.sample = Sample::default();
        self.trial = None;
    }

    /// Long after the crowd, the destination wants to be left alone by a single call as well:
    /// the crowd was not to blame, and nothing is known about how many are too many.
    pub(crate) fn throttled_alone(&mut self, now: Instant) {
        if self.throttled_at.is_some_and(|throttled_at| now - throttled_at > LAST_OF_A_CROWD) {
            self.throttled_at = None;
        }
    }

    fn foretold(&self) -> bool {
        self.ceiling.is_some_and(|ceiling| ceiling.foretells(self.limit))
    }

    fn push_back(&mut self, now: Instant, took: Duration) {
        // So much was well before: the destination carries less now, or its answers are chance.
        let is_doubtful = self
            .ceiling
            .and_then(|ceiling| ceiling.at(now))
            .is_some_and(|served| self.limit <= served);
        let cut = self.pushback.refused(self.limit, is_doubtful, now, took);
        let Some(cut) = cut else { return };
        let round_trip = self.known.as_ref().map(RoundTrips::typical).or(self.sample.round_trip());
        self.ceiling = Some(match round_trip {
            Some(round_trip) if cut.is_known => Ceiling::known(cut.served, now, round_trip),
            Some(_) | None => Ceiling::seen(cut.served, now),
        });
        self.limit = cut.limit;
        self.rise = None;
        self.calm = 0;
        self.round.reached = false;
        self.sample = Sample::default();
        self.trial = None;
    }

    fn end_round(&mut self, now: Instant) {
        // What starts a trial may be obvious. What ends it is compared, and a sample that ends
        // as soon as it looks bad looks worse than it is.
        let at_first_sight = self.trial.is_none();
        if self.sample.is_enough(self.known.as_ref(), at_first_sight, now) {
            let sample = std::mem::take(&mut self.sample);
            self.judge(&sample, now);
        } else if self.round.reached && self.trial.is_none() {
            self.grow(now);
        }
    }

    fn judge(&mut self, sample: &Sample, now: Instant) {
        let Some(known) = &mut self.known else {
            let known = self.known.insert(RoundTrips::new(sample));
            self.look_at = Some(now + known.settling() * FIRST_LOOK_AFTER);
            return;
        };
        let measured = known.observe(sample);
        let trial = self.trial.take();
        if !sample.reached() {
            // There is less to do than the destination may be given: no crowd of ours.
            self.limit = trial.map_or(self.limit, |trial| trial.back_to);
            return;
        }
        let limit = self.limit;
        match trial {
            Some(Trial { back_to, step: Step::Half { from, before, why } }) => {
                self.conclude(back_to, from, before, why, measured, now);
            }
            Some(Trial { back_to, step: Step::Tenth }) if measured.is_slow() => {
                let near = !measured.is_doubled() && limit * 4 > back_to * 3;
                if near && limit > 1 {
                    self.try_with(TENTH, Trial { back_to, step: Step::Tenth }, now);
                } else {
                    let step = Step::Half { from: limit, before: measured, why: Why::Slow };
                    self.try_with(HALF, Trial { back_to, step }, now);
                }
            }
            None if measured.is_slow() && limit > 1 => {
                self.ceiling = Some(Ceiling::seen(limit, now));
                self.try_with(TENTH, Trial { back_to: limit, step: Step::Tenth }, now);
            }
            None if limit > 1 && self.is_time_to_look(&measured, now) => {
                let step = Step::Half { from: limit, before: measured, why: Why::Look };
                self.try_with(HALF, Trial { back_to: limit, step }, now);
            }
            Some(Trial { step: Step::Tenth, .. }) | None => {
                self.grow(now);
                self.calm = self.calm.saturating_add(1);
            }
        }
    }

    /// Half of the calls were made; did it help?
    fn conclude(
        &mut self,
        back_to: usize,
        from: usize,
        before: Measured,
        why: Why,
        measured: Measured,
        now: Instant,
    ) {
        let Some(known) = &mut self.known else { return };
        let limit = self.limit;
        let again = |back_to, why| Trial {
            back_to,
            step: Step::Half { from: limit, before: measured, why },
        };
        let helped = match why {
            Why::Look => measured.is_clearly_faster_than(&before),
            Why::Slow | Why::SlowStill => measured.is_relieved_since(&before),
        };
        match (helped, why) {
            (true, _) if measured.is_slow() && limit > 1 => {
                return self.try_with(HALF, again(limit, Why::Slow), now);
            }
            (true, _) => {
                known.uncrowded_at_most(&measured);
                // By Little's law: so many calls were worked on, the others waited.
                let worked_on = from as f64 * measured.seconds / before.seconds;
                self.limit = (worked_on as usize).clamp(limit, from);
            }
            (false, Why::Slow) if limit > 1 => {
                return self.try_with(HALF, again(back_to, Why::SlowStill), now);
            }
            // Half of the calls, and slower than all were: something happened while we looked.
            (false, Why::Look) if measured.is_slow() && limit > 1 => {
                return self.try_with(HALF, again(back_to, Why::Slow), now);
            }
            (false, Why::Slow | Why::SlowStill | Why::Look) => {
                known.uncrowded_is(&measured);
                self.limit = back_to;
            }
        }
        self.sample = Sample::after_change(now, known.settling());
        self.look_at = Some(now + known.settling() * self.look_after);
        self.look_after = (self.look_after * 2).min(LOOK_EVERY);
    }

    fn is_time_to_look(&self, measured: &Measured, now: Instant) -> bool {
        measured.could_be_faster() && self.look_at.is_some_and(|look_at| now >= look_at)
    }

    fn try_with(&mut self, share: f64, trial: Trial, now: Instant) {
        self.limit = ((self.limit as f64 * share) as usize).max(1);
        self.rise = None;
        self.calm = 0;
        self.trial = Some(trial);
        let settling = self.known.as_ref().map_or(Duration::ZERO, RoundTrips::settling);
        self.sample = Sample::after_change(now, settling);
    }

    /// By one, as ARC; by more the longer it is calm, since a destination that healed may
    /// carry many times as much.
    fn grow(&mut self, now: Instant) {
        if self.rise.is_some() {
            return;
        }
        let step = (1 + self.calm / CALM_SAMPLES_PER_STEP) as usize;
        self.grow_by(step.min(1 + self.limit / 8), now);
    }

    fn grow_by(&mut self, step: usize, now: Instant) {
        let mut most = self.max;
        let mut step = step;
        match &self.ceiling {
            None => {}
            Some(ceiling) if ceiling.is_history_at(self.limit) => {
                self.ceiling = None;
                self.rise = Some(Rise::default());
            }
            Some(ceiling) => match ceiling.at(now) {
                Some(served) => most = served.clamp(self.limit, self.max),
                // Whatever the calm was: ten calls too many cost a pause, and so does one.
                None => step = 1,
            },
        }
        self.limit = (self.limit + step).min(most);
        if self.limit == most && self.rise.take().is_some() {
            self.sample = Sample::default();
        }
    }
}

#[cfg(test)]
mod tests;
