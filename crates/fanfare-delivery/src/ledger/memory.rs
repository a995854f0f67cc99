//! The ledger in memory: of this process alone, bounded, and gone with it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanfare_events::IdempotencyKey;
use lru::LruCache;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::given_up::GivenUp;
use super::{IfTaken, TIME_TO_LIVE};

/// Keys of this process's deliveries.
#[derive(Debug)]
pub(crate) struct MemoryLedger {
    inner: Mutex<Inner>,
    released: Notify,
    pub(super) given_up: GivenUp,
}

#[derive(Debug)]
struct Inner {
    delivered: LruCache<IdempotencyKey, Instant>,
    claimed: HashSet<IdempotencyKey>,
}

/// What the process knows about a key.
#[derive(Debug)]
pub(super) enum LocalAnswer<'a> {
    /// It is ours, maybe after another attempt had it.
    Ours { claim: LocalClaim<'a>, waited: bool },
    /// It was delivered before.
    Delivered,
    /// Another attempt has it, and it was not to be waited for.
    Taken,
}

/// A key that is being delivered; given back when dropped.
#[derive(Debug)]
pub(super) struct LocalClaim<'a> {
    ledger: &'a MemoryLedger,
    key: IdempotencyKey,
}

/// About 6 MB when full.
pub(super) const CAPACITY: usize = 65_536;

impl MemoryLedger {
    pub(super) fn new() -> Self {
        let inner = Inner { delivered: LruCache::unbounded(), claimed: HashSet::new() };
        Self { inner: Mutex::new(inner), released: Notify::new(), given_up: GivenUp::new() }
    }

    /// Claims `key`, which another attempt of this process may have.
    pub(super) async fn claim(&self, key: IdempotencyKey, if_taken: IfTaken) -> LocalAnswer<'_> {
        let mut waited = false;
        loop {
            // Asked for before looking, so that a release in between is not missed.
            let released = self.released.notified();
            {
                let mut inner = self.lock();
                if inner.was_delivered(key) {
                    return LocalAnswer::Delivered;
                }
                if inner.claimed.insert(key) {
                    return LocalAnswer::Ours { claim: LocalClaim { ledger: self, key }, waited };
                }
            }
            if if_taken == IfTaken::Leave {
                return LocalAnswer::Taken;
            }
            released.await;
            waited = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn was_delivered(&mut self, key: IdempotencyKey) -> bool {
        match self.delivered.peek(&key) {
            Some(at) if at.elapsed() < TIME_TO_LIVE => true,
            Some(_) => {
                self.delivered.pop(&key);
                false
            }
            None => false,
        }
    }
}

impl LocalClaim<'_> {
    /// The destination has the event.
    pub(super) fn delivered(self) {
        let mut inner = self.ledger.lock();
        if inner.delivered.len() >= CAPACITY {
            inner.delivered.pop_lru();
        }
        inner.delivered.put(self.key, Instant::now());
    }
}

impl Drop for LocalClaim<'_> {
    fn drop(&mut self) {
        self.ledger.lock().claimed.remove(&self.key);
        self.ledger.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use fanfare_events::{DestinationName, EventId};

    use super::*;

    fn key(number: usize) -> IdempotencyKey {
        let destination: DestinationName = "api".parse().unwrap();
        IdempotencyKey::from_parts(
            "/t",
            &EventId::from_key("/t", &number.to_string()),
            &destination,
        )
    }

    async fn claimed(ledger: &MemoryLedger, number: usize) -> LocalClaim<'_> {
        match ledger.claim(key(number), IfTaken::Wait).await {
            LocalAnswer::Ours { claim, .. } => claim,
            other => panic!("{number} is not ours: {other:?}"),
        }
    }

    async fn is_known(ledger: &MemoryLedger, number: usize) -> bool {
        matches!(ledger.claim(key(number), IfTaken::Wait).await, LocalAnswer::Delivered)
    }

    #[tokio::test]
    async fn a_delivered_key_is_known_and_a_dropped_claim_is_free() {
        let ledger = MemoryLedger::new();
        drop(claimed(&ledger, 1).await);
        claimed(&ledger, 1).await.delivered();
        assert!(is_known(&ledger, 1).await);
        assert!(ledger.lock().claimed.is_empty());
    }

    #[tokio::test]
    async fn a_second_attempt_at_the_same_key_waits_for_the_first() {
        let ledger = MemoryLedger::new();
        let first = claimed(&ledger, 1).await;
        let (second, ()) = tokio::join!(is_known(&ledger, 1), async { first.delivered() });
        assert!(second);
    }

    #[tokio::test]
    async fn who_does_not_want_to_wait_is_told_that_it_is_taken() {
        let ledger = MemoryLedger::new();
        let first = claimed(&ledger, 1).await;
        let second = ledger.claim(key(1), IfTaken::Leave).await;
        assert!(matches!(second, LocalAnswer::Taken));
        drop(first);
        let third = ledger.claim(key(1), IfTaken::Leave).await;
        assert!(matches!(third, LocalAnswer::Ours { waited: false, .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_forgotten_after_its_time() {
        let ledger = MemoryLedger::new();
        claimed(&ledger, 1).await.delivered();
        tokio::time::advance(TIME_TO_LIVE).await;
        drop(claimed(&ledger, 1).await);
    }

    #[tokio::test]
    async fn the_ledger_never_grows_beyond_its_capacity() {
        let ledger = MemoryLedger::new();
        for number in 0..CAPACITY + 10 {
            claimed(&ledger, number).await.delivered();
        }
        assert_eq!(ledger.lock().delivered.len(), CAPACITY);
        assert!(is_known(&ledger, CAPACITY).await);
        drop(claimed(&ledger, 0).await);
    }
}
