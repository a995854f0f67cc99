//! What this process has to tell the other replicas, until it can be told.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_broker::control::News;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{as_ms, now_ms};
use crate::outcome::Trouble;

/// News that wait. Of each kind the last says it all, so there are four at most.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    disabled: Option<String>,
    held: Option<Held>,
    troubled: Option<Held>,
    is_well: bool,
    /// The end of the last hold that was told.
    told_until: Option<Instant>,
    /// When trouble of this process's own was told last.
    troubled_told: Option<Instant>,
}

/// Something to tell.
#[derive(Debug)]
pub(crate) enum Word {
    /// The API asked for no more events.
    Disabled {
        /// Its words.
        why: String,
    },
    /// The API asked to wait.
    Held(Held),
    /// This process waits by itself.
    Troubled(Held),
    /// It is well.
    Well,
}

/// A wait, and what for.
#[derive(Debug)]
pub(crate) struct Held {
    until: Instant,
    trouble: Trouble,
    why: String,
}

/// Trouble that goes on is told again with a probe that failed, and no more often than this.
const TROUBLED_AGAIN: Duration = Duration::from_secs(5);

impl Outbox {
    /// The API asked for no more events.
    pub(crate) fn disabled(&self, why: String) {
        self.waiting().disabled = Some(why);
        self.added.notify_one();
    }

    /// The API asked to wait. Many calls that were under way together hear the same, so what
    /// ends no later than what was told is nothing new.
    pub(crate) fn held(&self, until: Instant, trouble: Trouble, why: String) {
        let mut waiting = self.waiting();
        let known = waiting.held.as_ref().map(|held| held.until).max(waiting.told_until);
        if known.is_none_or(|known| until > known) {
            waiting.held = Some(Held { until, trouble, why });
            waiting.is_well = false;
            self.added.notify_one();
        }
    }

    /// This process found trouble that it sits out by itself, which `is_news` or goes on.
    pub(crate) fn troubled(&self, until: Instant, trouble: Trouble, why: String, is_news: bool) {
        let mut waiting = self.waiting();
        let again_after = waiting.troubled_told.map(|told| told + TROUBLED_AGAIN);
        if is_news || again_after.is_none_or(|after| Instant::now() >= after) {
            waiting.troubled = Some(Held { until, trouble, why });
            waiting.is_well = false;
            self.added.notify_one();
        }
    }

    /// The destination is well.
    pub(crate) fn well(&self) {
        self.waiting().is_well = true;
        self.added.notify_one();
    }

    /// What is to be told next. Loses nothing when it is dropped before it ends.
    pub(crate) async fn next(&self) -> Word {
        loop {
            if let Some(word) = self.waiting().take() {
                return word;
            }
            self.added.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// A hold goes before what may have ended it.
    fn take(&mut self) -> Option<Word> {
        if let Some(why) = self.disabled.take() {
            return Some(Word::Disabled { why });
        }
        if let Some(held) = self.held.take() {
            self.told_until = Some(held.until);
            return Some(Word::Held(held));
        }
        if let Some(troubled) = self.troubled.take() {
            self.troubled_told = Some(Instant::now());
            return Some(Word::Troubled(troubled));
        }
        std::mem::take(&mut self.is_well).then_some(Word::Well)
    }
}

impl Word {
    /// As `replica` tells it.
    pub(crate) fn of(self, replica: &str) -> News {
        let replica = replica.to_owned();
        match self {
            Self::Disabled { why } => News::Disabled { by: replica, why },
            Self::Held(held) => {
                let (until_ms, trouble, why) = held.told();
                News::Held { replica, until_ms, trouble, why }
            }
            Self::Troubled(held) => {
                let (until_ms, trouble, why) = held.told();
                News::Troubled { replica, until_ms, trouble, why }
            }
            Self::Well => News::Well { replica },
        }
    }
}

impl Held {
    fn told(self) -> (u64, String, String) {
        let left = self.until.saturating_duration_since(Instant::now());
        (now_ms().saturating_add(as_ms(left)), self.trouble.as_str().to_owned(), self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(outbox: &Outbox) -> Vec<&'static str> {
        std::iter::from_fn(|| outbox.waiting().take())
            .map(|word| match word {
                Word::Disabled { .. } => "disabled",
                Word::Held(_) => "held",
                Word::Troubled(_) => "troubled",
                Word::Well => "well",
            })
            .collect()
    }

    #[test]
    fn what_many_calls_hear_together_is_told_once() {
        let (outbox, now) = (Outbox::default(), Instant::now());
        for seconds in [30, 29, 30] {
            outbox.held(now + seconds * SECOND, Trouble::Throttled, String::new());
        }
        assert_eq!(taken(&outbox), ["held"]);
        outbox.held(now + 20 * SECOND, Trouble::Throttled, String::new());
        assert_eq!(taken(&outbox), [""; 0]);
        outbox.held(now + 31 * SECOND, Trouble::Throttled, String::new());
        assert_eq!(taken(&outbox), ["held"]);
    }

    #[test]
    fn news_are_told_in_an_order_that_is_true() {
        let (outbox, now) = (Outbox::default(), Instant::now());
        outbox.held(now + SECOND, Trouble::Throttled, String::new());
        outbox.well();
        assert_eq!(taken(&outbox), ["held", "well"]);
        outbox.well();
        outbox.held(now + 2 * SECOND, Trouble::Throttled, String::new());
        outbox.disabled("gone".into());
        assert_eq!(taken(&outbox), ["disabled", "held"], "it is not well any more");
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_that_goes_on_is_told_every_few_seconds() {
        let outbox = Outbox::default();
        let goes_on = |is_news| {
            let until = Instant::now() + SECOND;
            outbox.troubled(until, Trouble::Unreachable, String::new(), is_news);
        };
        goes_on(true);
        goes_on(false);
        assert_eq!(taken(&outbox), ["troubled"]);
        for expected in [[].as_slice(), &[], &[], &[], &["troubled"], &[]] {
            tokio::time::advance(SECOND).await;
            goes_on(false);
            assert_eq!(taken(&outbox), expected);
        }
        goes_on(true);
        outbox.well();
        assert_eq!(taken(&outbox), ["troubled", "well"], "news wait for nothing");
        outbox.well();
        goes_on(true);
        assert_eq!(taken(&outbox), ["troubled"], "it is not well any more");
    }
}
