//! Who waits for the verdict of one message.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::error::PublishError;
use super::publisher::Confirmed;

/// What becomes of a message.
pub(super) type Verdict = Result<Confirmed, PublishError>;

/// Hears the verdict, unless it stopped waiting.
#[derive(Debug)]
pub(super) enum Waiter {
    /// One caller, who may stop at any time.
    Caller(oneshot::Sender<Verdict>),
    /// A sequence, which stops as a whole.
    Sequence(InSequence),
}

/// One message of a sequence. Dropped without a verdict, it says that the publisher is closed.
#[derive(Debug)]
pub(super) struct InSequence {
    pub(super) tag: u64,
    pub(super) verdicts: mpsc::UnboundedSender<(u64, Verdict)>,
    pub(super) abandoned: Arc<AtomicBool>,
    pub(super) told: bool,
}

impl Waiter {
    /// Whether nobody waits any more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Caller(told) => told.is_closed(),
            Self::Sequence(message) => message.abandoned.load(Ordering::Acquire),
        }
    }

    /// Tells the verdict to whoever still waits.
    pub(super) fn tell(self, verdict: Verdict) {
        match self {
            Self::Caller(told) => drop(told.send(verdict)),
            Self::Sequence(mut message) => message.tell(verdict),
        }
    }
}

impl InSequence {
    fn tell(&mut self, verdict: Verdict) {
        self.told = true;
        drop(self.verdicts.send((self.tag, verdict)));
    }
}

impl Drop for InSequence {
    fn drop(&mut self) {
        if !self.told {
            self.tell(Err(PublishError::Closed));
        }
    }
}
