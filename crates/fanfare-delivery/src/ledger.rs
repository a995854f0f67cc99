//! The ledger: keys that are delivered, and keys that are being delivered.
//!
//! It makes a redelivery after a lost ack, and a message that was published twice,
//! cost no second call. This one lives in memory: bounded, and gone with the process.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_events::IdempotencyKey;
use lru::LruCache;
use tokio::sync::Notify;
use tokio::time::Instant;

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

/// What the ledger says about a key.
#[derive(Debug)]
pub(crate) enum Claim<'a> {
    /// Nobody delivered it; it is ours now.
    Ours(Claimed<'a>),
    /// It was delivered before.
    Delivered,
}

/// A key that is being delivered; given back when dropped.
#[derive(Debug)]
pub(crate) struct Claimed<'a> {
    ledger: &'a MemoryLedger,
    key: IdempotencyKey,
    /// Whether another attempt had it first, and did not deliver.
    pub(crate) waited: bool,
}

/// About 6 MB when full.
const CAPACITY: usize = 65_536;
const TIME_TO_LIVE: Duration = Duration::from_secs(24 * 60 * 60);

impl MemoryLedger {
    pub(crate) fn new() -> Self {
        let inner = Inner { delivered: LruCache::unbounded(), claimed: HashSet::new() };
        Self { inner: Mutex::new(inner), released: Notify::new() }
    }

    /// Claims `key`, waiting while another attempt of this process holds it.
    pub(crate) async fn claim(&self, key: IdempotencyKey) -> Claim<'_> {
        let mut waited = false;
        loop {
            // Asked for before looking, so that a release in between is not missed.
            let released = self.released.notified();
            {
                let mut inner = self.lock();
                if inner.was_delivered(key) {
                    return Claim::Delivered;
                }
                if inner.claimed.insert(key) {
                    return Claim::Ours(Claimed { ledger: self, key, waited });
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

impl Claimed<'_> {
    /// The destination has the event.
    pub(crate) fn delivered(self) {
        let mut inner = self.ledger.lock();
        if inner.delivered.len() >= CAPACITY {
            inner.delivered.pop_lru();
        }
        inner.delivered.put(self.key, Instant::now());
    }
}

impl Drop for Claimed<'_> {
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

    async fn claimed(ledger: &MemoryLedger, number: usize) -> Claimed<'_> {
        match ledger.claim(key(number)).await {
            Claim::Ours(claimed) => claimed,
            Claim::Delivered => panic!("{number} was not delivered"),
        }
    }

    #[tokio::test]
    async fn a_delivered_key_is_known_and_a_dropped_claim_is_free() {
        let ledger = MemoryLedger::new();
        drop(claimed(&ledger, 1).await);
        claimed(&ledger, 1).await.delivered();
        assert!(matches!(ledger.claim(key(1)).await, Claim::Delivered));
        assert!(ledger.lock().claimed.is_empty());
    }

    #[tokio::test]
    async fn a_second_attempt_at_the_same_key_waits_for_the_first() {
        let ledger = MemoryLedger::new();
        let first = claimed(&ledger, 1).await;
        let (second, ()) = tokio::join!(ledger.claim(key(1)), async { first.delivered() });
        assert!(matches!(second, Claim::Delivered));
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
        assert!(matches!(ledger.claim(key(CAPACITY)).await, Claim::Delivered));
        drop(claimed(&ledger, 0).await);
    }
}
