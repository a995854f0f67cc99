//! What follows from a control log: a pure fold over its notices, in their order.
//!
//! Times in the log come from the clocks of different machines. They are taken to agree
//! within [`CLOCK_TOLERANCE_MS`], as NTP keeps them: what one replica was told to wait for
//! counts so much longer for the others, and so does a lease. The cost of clocks that
//! differ more is a call that is early by the difference, or a wait that is longer.

use super::notice::{News, Notice};
use super::troubles::{Troubled, Troubles};

/// How far the clocks of two replicas may be apart.
pub const CLOCK_TOLERANCE_MS: u64 = 1000;

/// How a destination stands, as far as its control log has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlState {
    word: Word,
    hold: Option<Hold>,
    probe: Option<Probe>,
    troubles: Troubles,
}

/// What was last said about whether the destination may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Word {
    /// Nothing that is still in the log.
    #[default]
    None,
    Resumed,
    /// With the notices that have come since it was said.
    Stopped {
        pause: Pause,
        since: u32,
    },
}

/// A stop that lasts until somebody resumes the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Whether the API asked for it (410), and not an operator.
    pub disabled: bool,
    /// The operator, or the replica that was told.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
}

/// A wait that the API asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The replica that was asked.
    pub replica: String,
    /// Since when, in milliseconds since the epoch.
    pub since_ms: u64,
    /// Until when, in milliseconds since the epoch, by the clock of that replica.
    pub until_ms: u64,
    /// What kind of trouble, in a word.
    pub trouble: String,
    /// What happened, in a sentence.
    pub why: String,
    /// Others were asked as well, whose clocks count too.
    and_others: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Probe {
    replica: String,
    lease_until_ms: u64,
}

/// A log keeps at least a thousand of the longest notices: a pause is said again in time.
const SAY_AGAIN_AFTER: u32 = 500;

impl ControlState {
    /// Takes in the next notice of the log.
    pub fn apply(&mut self, notice: &Notice) {
        if let Word::Stopped { since, .. } = &mut self.word {
            *since = since.saturating_add(1);
        }
        match &notice.news {
            News::Paused { by, why } => self.stop(notice, false, by, why),
            News::Disabled { by, why } => self.stop(notice, true, by, why),
            News::Resumed { .. } => self.resume(),
            News::Held { replica, until_ms, trouble, why } => {
                self.troubles.over(replica);
                self.hold(Hold {
                    replica: replica.clone(),
                    since_ms: notice.at_ms,
                    until_ms: *until_ms,
                    trouble: trouble.clone(),
                    why: why.clone(),
                    and_others: false,
                });
            }
            News::Troubled { replica, until_ms, trouble, why } => self.troubles.said(Troubled {
                replica: replica.clone(),
                since_ms: notice.at_ms,
                said_ms: notice.at_ms,
                until_ms: *until_ms,
                trouble: trouble.clone(),
                why: why.clone(),
            }),
            News::Probe { replica, lease_until_ms } => {
                if self.grants_probe(replica, notice.at_ms) {
                    let (replica, lease_until_ms) = (replica.clone(), *lease_until_ms);
                    self.probe = Some(Probe { replica, lease_until_ms });
                }
            }
            News::Well { replica } => {
                self.troubles.over(replica);
                if self.is_probing(replica) {
                    (self.hold, self.probe) = (None, None);
                }
            }
            News::Joined { .. } => {}
        }
    }

    /// The pause that stands, until somebody resumes the destination.
    pub fn paused(&self) -> Option<&Pause> {
        match &self.word {
            Word::Stopped { pause, .. } => Some(pause),
            Word::None | Word::Resumed => None,
        }
    }

    /// The hold that runs at `now_ms`, milliseconds since the epoch.
    pub fn held(&self, now_ms: u64) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.until_ms > now_ms)
    }

    /// The hold that runs, or is over and not proven to be: the next call is to be a probe.
    pub fn trouble(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }

    /// The replica whose probe is granted, if its lease runs at `now_ms`.
    pub fn probe(&self, now_ms: u64) -> Option<&str> {
        let probe = self.probe.as_ref().filter(|probe| probe.lease_until_ms > now_ms);
        probe.map(|probe| probe.replica.as_str())
    }

    /// The replicas that sit out trouble by themselves at `now_ms`, whoever spoke last at the
    /// end. One that died in trouble is among them for two minutes after it was to try again.
    pub fn troubled(&self, now_ms: u64) -> impl DoubleEndedIterator<Item = &Troubled> {
        self.troubles.at(now_ms)
    }

    /// The pause once more, when it has come so far back in the log that the broker might
    /// forget it: to be published by whoever has read everything.
    pub fn to_say_again(&self) -> Option<Notice> {
        let Word::Stopped { pause, since } = &self.word else { return None };
        let Pause { disabled, by, why, since_ms } = pause.clone();
        let news = if disabled { News::Disabled { by, why } } else { News::Paused { by, why } };
        (*since >= SAY_AGAIN_AFTER).then_some(Notice { at_ms: since_ms, news, again: true })
    }

    /// The first word stands: who came later found the destination stopped.
    fn stop(&mut self, notice: &Notice, disabled: bool, by: &str, why: &str) {
        match &mut self.word {
            Word::Stopped { since, .. } => *since = 0,
            // It was written by somebody who had not read yet that it is over.
            Word::Resumed if notice.again => {}
            Word::None | Word::Resumed => {
                let (by, why, since_ms) = (by.to_owned(), why.to_owned(), notice.at_ms);
                let pause = Pause { disabled, by, why, since_ms };
                self.word = Word::Stopped { pause, since: 0 };
            }
        }
    }

    fn resume(&mut self) {
        if self.paused().is_none() {
            // An operator who resumes what only waits knows better than the API's last word.
            self.hold = None;
        }
        self.word = Word::Resumed;
    }

    fn hold(&mut self, told: Hold) {
        if self.is_probing(&told.replica) {
            // What a probe was told is newer than what all others were told before.
            (self.hold, self.probe) = (Some(told), None);
            return;
        }
        self.hold = Some(match self.hold.take() {
            Some(hold) if hold.runs_for(&told.replica, told.since_ms) => hold.joined_by(told),
            _ => told,
        });
    }

    fn grants_probe(&self, replica: &str, at_ms: u64) -> bool {
        let held = self.hold.as_ref().is_some_and(|hold| hold.runs_for(replica, at_ms));
        let taken = self.probe.as_ref().is_some_and(|probe| {
            let with_tolerance = probe.lease_until_ms.saturating_add(CLOCK_TOLERANCE_MS);
            probe.replica != replica && with_tolerance > at_ms
        });
        self.paused().is_none() && !held && !taken
    }

    /// Whether nobody else was granted a probe after `replica`.
    fn is_probing(&self, replica: &str) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.replica == replica)
    }
}

impl Hold {
    /// Whether it runs at `at_ms` by the clock of `replica`.
    fn runs_for(&self, replica: &str, at_ms: u64) -> bool {
        let own_clock = self.replica == replica && !self.and_others;
        let tolerance = if own_clock { 0 } else { CLOCK_TOLERANCE_MS };
        self.until_ms.saturating_add(tolerance) > at_ms
    }

    /// The longer one of both, since the first.
    fn joined_by(self, told: Self) -> Self {
        let and_others = self.and_others || told.replica != self.replica;
        let since_ms = self.since_ms;
        let longer = if told.until_ms > self.until_ms { told } else { self };
        Self { since_ms, and_others, ..longer }
    }
}

#[cfg(test)]
mod tests;
