//! Events that are dead letters, so that a delivery which comes again does not end once more.
//!
//! A delivery is acked after the broker has its dead letter. If its consumer dies in between,
//! the broker hands it over again; without this it would be called for although it is dead
//! already, and be delivered as well, or be a dead letter twice.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use fanfare_broker::Received;
use fanfare_events::IdempotencyKey;
use lru::LruCache;
use redis::Script;
use tokio::time::Instant;

use super::TIME_TO_LIVE;
use super::memory::CAPACITY;
use crate::clock::as_ms;
use crate::shared::RedisLink;

/// The one time that an event was published which its retries and dead letters come from.
///
/// Whoever publishes it again, or replays it, means it to be called for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication(String);

/// What this process gave up.
#[derive(Debug)]
pub(super) struct GivenUp(Mutex<LruCache<IdempotencyKey, (Publication, Instant)>>);

static TELL: LazyLock<Script> =
    LazyLock::new(|| Script::new("redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])"));
static ASK: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('GET', KEYS[1]) == ARGV[1]"));

impl Publication {
    /// `None` where a foreign producer did not say when it was: that cannot be told from another.
    pub(crate) fn of(message: &Received) -> Option<Self> {
        let published_at = message.timestamp()?;
        Some(Self(format!("{published_at} {}", message.replay().unwrap_or("first"))))
    }
}

impl GivenUp {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }

    pub(super) fn add(&self, key: IdempotencyKey, publication: Publication) {
        let mut entries = self.entries();
        if entries.len() >= CAPACITY {
            entries.pop_lru();
        }
        entries.put(key, (publication, Instant::now()));
    }

    pub(super) fn holds(&self, key: IdempotencyKey, publication: &Publication) -> bool {
        let entries = self.entries();
        let entry = entries.peek(&key);
        entry.is_some_and(|(known, at)| known == publication && at.elapsed() < TIME_TO_LIVE)
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<IdempotencyKey, (Publication, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the others. A ledger that is away does not hear of it: then a consumer that dies right
/// now is followed by one that calls once more.
pub(super) async fn tell(link: &RedisLink, name: &str, publication: &Publication) {
    let mut words = TELL.key(name);
    let told = link.ask::<()>(words.arg(&publication.0).arg(as_ms(TIME_TO_LIVE))).await;
    if let Err(error) = told {
        tracing::debug!(%error, "The others do not hear of a dead letter");
    }
}

/// Whether another process gave this publication up, as far as can be learned.
pub(super) async fn ask(link: &RedisLink, name: &str, publication: &Publication) -> bool {
    let mut question = ASK.key(name);
    link.ask(question.arg(&publication.0)).await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use fanfare_events::EventId;

    use super::*;

    fn key(number: usize) -> IdempotencyKey {
        let id = EventId::from_key("/t", &number.to_string());
        IdempotencyKey::from_parts("/t", &id, &"api".parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_publication_that_died_is_given_up_and_not_for_ever() {
        let given_up = GivenUp::new();
        let [first, replayed] = ["1 first", "2 replay"].map(|text| Publication(text.to_owned()));
        given_up.add(key(1), first.clone());
        assert!(given_up.holds(key(1), &first));
        assert!(!given_up.holds(key(1), &replayed), "somebody wants it to be called for again");
        assert!(!given_up.holds(key(2), &first));
        tokio::time::advance(TIME_TO_LIVE).await;
        assert!(!given_up.holds(key(1), &first));
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let given_up = GivenUp::new();
        for number in 0..CAPACITY + 10 {
            given_up.add(key(number), Publication(String::new()));
        }
        assert_eq!(given_up.entries().len(), CAPACITY);
    }
}
