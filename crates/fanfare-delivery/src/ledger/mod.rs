//! The ledger: keys that are delivered, and keys that are being delivered.
//!
//! It makes a redelivery after a lost ack, and a message that was published twice,
//! cost no second call. In memory it knows one process's deliveries; in a Redis those
//! of all that share it.

mod away;
mod given_up;
mod memory;
mod postbox;
mod shared;

use std::time::Duration;

use fanfare_events::IdempotencyKey;

pub use away::{LedgerDown, LedgerSettings};

use crate::shared::Away;
pub(crate) use given_up::Publication;
use memory::{LocalAnswer, LocalClaim, MemoryLedger};
use shared::SharedClaim;
pub(crate) use shared::{SharedLedger, SharedOptions};

/// What is known about keys.
#[derive(Debug)]
pub(crate) enum Ledger {
    Memory(MemoryLedger),
    Shared(SharedLedger),
}

/// What the ledger says about a key.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// Nobody delivered it; it is ours now.
    Ours(Claimed<'a>),
    /// It was delivered before.
    Delivered,
    /// Another attempt of this process has it, and it was not to be waited for.
    Taken,
    /// Another process has it, for so long unless it ends earlier.
    Elsewhere(Duration),
    /// The shared ledger is away, and without it nothing is to be called.
    Unavailable(Away),
}

/// What a claim does while another attempt of this process has the key. Another process is
/// never waited for: it may be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfTaken {
    /// It waits until that one ended.
    Wait,
    /// It leaves it to that one. For who has claims already: two who wait for each other's
    /// would wait for ever.
    Leave,
}

/// A key that is being delivered.
///
/// [`delivered`](Self::delivered), [`release`](Self::release) and
/// [`unused`](Self::unused) say how it ended. Dropping it is an end without a word: the
/// key is free at once, and who claims it next is told that it was abandoned.
#[derive(Debug)]
#[must_use]
pub(crate) struct Claimed<'a> {
    local: LocalClaim<'a>,
    shared: Option<SharedClaim<'a>>,
    /// Whether another attempt of this process had it first, and did not deliver.
    pub(crate) waited: bool,
    /// Whether an earlier claim ended without a word: its call may have been made.
    pub(crate) abandoned: bool,
}

/// How long a key is known, delivered or not.
pub(crate) const TIME_TO_LIVE: Duration = Duration::from_secs(24 * 60 * 60);

impl Ledger {
    /// A ledger that ends with the process.
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryLedger::new())
    }

    /// Claims `key`. Another attempt may have it, here or in another process.
    pub(crate) async fn claim(&self, key: IdempotencyKey, if_taken: IfTaken) -> Claim<'_> {
        match self {
            Self::Memory(memory) => match memory.claim(key, if_taken).await {
                LocalAnswer::Ours { claim: local, waited } => {
                    Claim::Ours(Claimed { local, shared: None, waited, abandoned: false })
                }
                LocalAnswer::Delivered => Claim::Delivered,
                LocalAnswer::Taken => Claim::Taken,
            },
            Self::Shared(shared) => shared.claim(key, if_taken).await,
        }
    }

    /// Remembers that a publication of `key` is a dead letter. Said before its delivery is
    /// acked, so that the delivery is known when it comes again.
    pub(crate) async fn give_up(&self, key: IdempotencyKey, publication: Publication) {
        match self {
            Self::Memory(memory) => memory.given_up.add(key, publication),
            Self::Shared(shared) => shared.give_up(key, publication).await,
        }
    }

    /// Whether this publication of `key` is a dead letter, as far as is known.
    pub(crate) async fn was_given_up(
        &self,
        key: IdempotencyKey,
        publication: &Publication,
    ) -> bool {
        match self {
            Self::Memory(memory) => memory.given_up.holds(key, publication),
            Self::Shared(shared) => shared.was_given_up(key, publication).await,
        }
    }

    /// Tells the others what they do not know yet, as far as that is quickly done.
    pub(crate) async fn close(&self) {
        if let Self::Shared(shared) = self {
            shared.close().await;
        }
    }
}

impl Claimed<'_> {
    /// The destination has the event. Known here at once, and to the others when this
    /// returns; if the ledger is away just then, as soon as it is back.
    pub(crate) async fn delivered(self) {
        self.local.delivered();
        if let Some(shared) = self.shared {
            shared.delivered().await;
        }
    }

    /// Nothing was called: it is left as it was found.
    pub(crate) async fn unused(self) {
        if !self.abandoned {
            self.release().await;
        }
    }

    /// It was not delivered, and of what was called all is known, that of an abandoned
    /// claim included: who comes next need not wonder.
    pub(crate) async fn release(self) {
        // First there, or a copy that waits here would find it taken there.
        if let Some(shared) = self.shared {
            shared.release().await;
        }
        drop(self.local);
    }
}

#[cfg(test)]
mod tests;
