//! The ledger in memory: of this process alone, bounded, and gone with it.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanfare_events::IdempotencyKey;
use lru::LruCache;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::TIME_TO_LIVE;

/// Keys of this process's deliveries.
#[derive(Debug)]
pub(crate) struct MemoryLedger {
    inner: Mutex<Inner>,
    released: Notify,
}

#[derive(Debug)]
struct Inner {
    delivered: LruCache<IdempotencyKey, Instant>,
    claimed: HashSet<IdempotencyKey>,
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
        Self { inner: Mutex::new(inner), released: Notify::new() }
    }

    /// Claims `key`, waiting while another attempt of this process holds it; says whether
    /// it waited. `None` if the key was delivered.
    pub(super) async fn claim(&self, key: IdempotencyKey) -> Option<(LocalClaim<'_>, bool)> {
        let mut waited = false;
        loop {
            // Asked for before looking, so that a release in between is not missed.
            let released = self.released.notified();
            {
                let mut inner = self.lock();
                if inner.was_delivered(key) {
                    return None;
                }
                if inner.claimed.insert(key) {
                    return Some((LocalClaim { ledger: self, key }, waited));
                }
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
        let (claimed, _) = ledger.claim(key(number)).await.expect("it was not delivered");
        claimed
    }

    #[tokio::test]
    async fn a_delivered_key_is_known_and_a_dropped_claim_is_free() {
        let ledger = MemoryLedger::new();
        drop(claimed(&ledger, 1).await);
        claimed(&ledger, 1).await.delivered();
        assert!(ledger.claim(key(1)).await.is_none());
        assert!(ledger.lock().claimed.is_empty());
    }

    #[tokio::test]
    async fn a_second_attempt_at_the_same_key_waits_for_the_first() {
        let ledger = MemoryLedger::new();
        let first = claimed(&ledger, 1).await;
        let (second, ()) = tokio::join!(ledger.claim(key(1)), async { first.delivered() });
        assert!(second.is_none());
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
        assert!(ledger.claim(key(CAPACITY)).await.is_none());
        drop(claimed(&ledger, 0).await);
    }
}
