//! Tells the Redis which places this process holds, and when the others are free.
//!
//! A task of its own does it: no call waits for it, and what gathers while it waits for an
//! answer shares the next question.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::Script;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{trace, warn};

use crate::clock::as_ms;
use crate::policy::RateLimit;
use crate::shared::{Away, RedisLink};

/// Knows this process's places, and has them told while it lives.
#[derive(Debug)]
pub(super) struct Keeper {
    book: Arc<Book>,
    _end: DropGuard,
}

/// Where the places are, and how long one is taken unless more is said.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) link: RedisLink,
    pub(super) name: String,
    pub(super) taken_for: Duration,
}

#[derive(Debug)]
struct Book {
    register: Register,
    places: Mutex<Places>,
    freed: Notify,
    told: Notify,
}

#[derive(Debug, Default)]
struct Places {
    /// As many as there are calls, and one.
    held: HashSet<u64>,
    /// When places are free; not told yet.
    freed: VecDeque<(u64, Instant)>,
}

/// Of more than that nothing is told, and so they are free a little later.
const MOST_FREED: usize = 2 * RateLimit::MOST_CALLS as usize;
/// So many share a round trip.
const AT_ONCE: usize = 256;
/// How long the end of the process waits for what is to be told.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// The Redis drops the part of a millisecond when it looks at its clock, and so do we.
const DROPPED_MS: u64 = 2;

static TELL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("tell.lua")));

impl Keeper {
    /// Says of places that are held that they are, once in every `renewal`.
    pub(super) fn start(register: Register, renewal: Duration) -> Self {
        let end = CancellationToken::new();
        let (freed, told) = (Notify::new(), Notify::new());
        let book = Arc::new(Book { register, places: Mutex::default(), freed, told });
        tokio::spawn(end.clone().run_until_cancelled_owned(Arc::clone(&book).keep(renewal)));
        Self { book, _end: end.drop_guard() }
    }

    /// A place is taken until more is said.
    pub(super) fn taken(&self, number: u64) {
        self.book.places().held.insert(number);
    }

    /// A place is free, now or at a later moment.
    pub(super) fn free(&self, number: u64, at: Instant) {
        let mut places = self.book.places();
        places.held.remove(&number);
        if places.freed.len() < MOST_FREED {
            places.freed.push_back((number, at));
        }
        self.book.freed.notify_one();
    }

    /// Waits until everything is told, but not for long.
    pub(super) async fn emptied(&self) {
        let emptied = async {
            while !self.book.places().freed.is_empty() {
                self.book.told.notified().await;
            }
        };
        if timeout(LAST_WORDS, emptied).await.is_err() {
            warn!("The end of some calls was not told; their places will be free a little later");
        }
    }
}

impl Book {
    async fn keep(self: Arc<Self>, renewal: Duration) {
        let mut renewal = interval(renewal);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let told = tokio::select! {
                () = self.freed.notified() => self.tell_freed().await,
                _ = renewal.tick() => self.tell_all().await,
            };
            // It is tried again with the next call that ends, and with the next renewal: while
            // the Redis is away that costs nothing.
            told.unwrap_or_else(|away| trace!(error = %away, "The ends of calls wait"));
        }
    }

    async fn tell_all(&self) -> Result<(), Away> {
        self.tell_freed().await?;
        let held: Vec<u64> = self.places().held.iter().copied().collect();
        for some in held.chunks(AT_ONCE) {
            let left_ms = as_ms(self.register.taken_for);
            self.register.tell(some.iter().map(|number| (*number, left_ms))).await?;
        }
        Ok(())
    }

    async fn tell_freed(&self) -> Result<(), Away> {
        loop {
            let now = Instant::now();
            let some = self.places().some_freed(now, self.register.taken_for);
            if some.is_empty() {
                self.told.notify_one();
                return Ok(());
            }
            let told = some.iter().map(|(number, at)| (*number, left_ms(*at, now)));
            self.register.tell(told).await?;
            self.places().freed.drain(..some.len());
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    /// The first of those that are to be told.
    fn some_freed(&mut self, now: Instant, taken_for: Duration) -> Vec<(u64, Instant)> {
        // What the Redis has taken for free by now it need not be told.
        while self.freed.front().is_some_and(|(_, at)| *at + taken_for <= now) {
            self.freed.pop_front();
        }
        self.freed.iter().take(AT_ONCE).copied().collect()
    }
}

impl Register {
    /// Says in how many ms places are free.
    async fn tell(&self, places: impl Iterator<Item = (u64, u64)>) -> Result<(), Away> {
        let mut words = TELL.key(&self.name);
        words.arg(as_ms(2 * self.taken_for));
        for (number, left_ms) in places {
            words.arg(number).arg(left_ms);
        }
        self.link.ask(&words).await
    }
}

/// In how many ms a place is free; never too early.
fn left_ms(at: Instant, now: Instant) -> u64 {
    let left = at.saturating_duration_since(now);
    if left.is_zero() { 0 } else { as_ms(left) + DROPPED_MS }
}
