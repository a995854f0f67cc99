//! What this process has to tell the other replicas, until it can be told.

use std::sync::{Mutex, MutexGuard, PoisonError};

use fanfare_broker::control::News;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock::{as_ms, now_ms};
use crate::outcome::Trouble;

/// News that wait. Of each kind the last says it all, so there are three at most.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: Mutex<Waiting>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    disabled: Option<String>,
    held: Option<Held>,
    is_well: bool,
    /// The end of the last hold that was told.
    told_until: Option<Instant>,
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
    /// It is well.
    Well,
}

/// A wait that is everybody's.
#[derive(Debug)]
pub(crate) struct Held {
    until: Instant,
    trouble: Trouble,
    why: String,
}

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
        std::mem::take(&mut self.is_well).then_some(Word::Well)
    }
}

impl Word {
    /// As `replica` tells it.
    pub(crate) fn of(self, replica: &str) -> News {
        let replica = replica.to_owned();
        match self {
            Self::Disabled { why } => News::Disabled { by: replica, why },
            Self::Held(Held { until, trouble, why }) => {
                let left = until.saturating_duration_since(Instant::now());
                let until_ms = now_ms().saturating_add(as_ms(left));
                News::Held { replica, until_ms, trouble: trouble.as_str().to_owned(), why }
            }
            Self::Well => News::Well { replica },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(outbox: &Outbox) -> Vec<&'static str> {
        std::iter::from_fn(|| outbox.waiting().take())
            .map(|word| match word {
                Word::Disabled { .. } => "disabled",
                Word::Held(_) => "held",
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
}
