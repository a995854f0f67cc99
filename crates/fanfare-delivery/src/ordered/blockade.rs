//! What the dead letters keep back: read from their queue, and known to be still true.
//!
//! The dead-letter queue is the one truth, so that a block survives every restart, and ends
//! when an operator replays or discards the letter that it is for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_broker::{
    BrokerConfig, BrowseError, Browser, InspectError, Inspector, QueueDepth, Received,
};
use fanfare_process::telemetry::Chain;
use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::lanes::Key;
use super::letters::Letters;
use crate::clock::{as_ms, now_ms};
use crate::decode::decode;

/// The dead letters of a destination, as the one who may add to them knows them.
#[derive(Debug)]
pub(crate) struct Blockade {
    broker: BrokerConfig,
    queue: String,
    letters: Mutex<Letters>,
    /// Held for writing while the queue is looked at, and for reading while a letter is on its
    /// way: only so can it be told whether anybody else took one out.
    door: RwLock<Look>,
}

/// The last look at the queue.
#[derive(Debug)]
struct Look {
    inspector: Option<Inspector>,
    began: Instant,
}

/// The right to add a letter: nobody looks meanwhile.
#[derive(Debug)]
pub(super) struct Burial<'a>(RwLockReadGuard<'a, Look>);

/// Why it is unknown which keys are blocked.
#[derive(Debug, thiserror::Error)]
enum Unknown {
    #[error("there is no queue {0}")]
    NoQueue(String),
    #[error("another reader holds some of the dead letters")]
    HeldByOthers,
    #[error("there are {0} dead letters, and at most {MOST_LETTERS} are kept in mind")]
    TooMany(u64),
    #[error("the dead letters cannot be counted")]
    Inspect(#[from] InspectError),
    #[error("the dead letters cannot be read, which FANFARE_ORDERED_AFTER_DEAD=block needs")]
    Browse(#[from] BrowseError),
}

/// About 10 MB of keys and stamps, and what one channel can read.
const MOST_LETTERS: u64 = 50_000;

const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Somebody who looks at the dead letters is soon done.
const SAY_AFTER: Duration = Duration::from_secs(3);
/// How often the log says that nothing can go on.
const SAY_EVERY: Duration = Duration::from_secs(60);

impl Blockade {
    pub(crate) fn new(broker: BrokerConfig, queue: String) -> Self {
        Self {
            broker,
            queue,
            letters: Mutex::default(),
            door: RwLock::new(Look { inspector: None, began: Instant::now() }),
        }
    }

    /// Reads all dead letters, however long it takes until they can be read.
    pub(super) async fn read(&self) {
        let mut look = self.door.write().await;
        self.read_behind(&mut look).await;
    }

    /// Whether an older letter of its key keeps an event back, at this very moment. `stamp` is
    /// the event's own, if it died before.
    pub(super) async fn keeps_back(&self, key: &Key, stamp: Option<u64>) -> bool {
        if !self.letters().keep_back(key, stamp) {
            return false;
        }
        let asked = Instant::now();
        let mut look = self.door.write().await;
        // Whoever had the door before may have looked for all who waited.
        if look.began < asked {
            self.look_again(&mut look).await;
        }
        self.letters().keep_back(key, stamp)
    }

    /// The event of a letter goes on.
    pub(super) fn goes_on(&self, key: &Key, stamp: u64) {
        self.letters().goes_on(key, stamp);
    }

    /// An event is to die: its stamp, and the right to add its letter.
    pub(super) async fn bury(&self, key: Option<Key>, stamp: Option<u64>) -> (u64, Burial<'_>) {
        let door = self.door.read().await;
        let stamp = self.letters().dies(key, stamp, now_ms());
        (stamp, Burial(door))
    }

    /// The letter is in the queue.
    pub(super) fn buried(&self, burial: Burial<'_>) {
        self.letters().buried();
        drop(burial.0);
    }

    /// Whether there are more letters than can be kept in mind.
    pub(super) fn is_full(&self) -> bool {
        self.letters().count() > MOST_LETTERS
    }

    /// How many keys are blocked.
    pub(super) fn blocked_keys(&self) -> usize {
        self.letters().blocked_keys()
    }

    /// Reads them again, unless their number says that nobody took one out.
    async fn look_again(&self, look: &mut Look) {
        look.began = Instant::now();
        match self.depth(look).await {
            Ok(depth) if depth.consumers == 0 && depth.ready == self.letters().count() => {}
            Ok(_) | Err(_) => self.read_behind(look).await,
        }
    }

    async fn read_behind(&self, look: &mut Look) {
        let mut say_at = Instant::now() + SAY_AFTER;
        loop {
            look.began = Instant::now();
            match self.try_to_read(look).await {
                Ok(letters) => {
                    let (count, keys) = (letters.count(), letters.blocked_keys());
                    if count > 0 {
                        info!(
                            queue = self.queue,
                            letters = count,
                            keys,
                            duration_ms = as_ms(look.began.elapsed()),
                            "Read the dead letters; their keys are blocked"
                        );
                    }
                    *self.letters() = letters;
                    return;
                }
                Err(why) => {
                    if Instant::now() >= say_at {
                        say_at = Instant::now() + SAY_EVERY;
                        warn!(queue = self.queue, error = %Chain(&why),
                            "It is unknown which keys are blocked; waiting to find out");
                    }
                    sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    async fn try_to_read(&self, look: &mut Look) -> Result<Letters, Unknown> {
        let depth = self.depth(look).await?;
        if depth.consumers > 0 {
            return Err(Unknown::HeldByOthers);
        }
        if depth.ready > MOST_LETTERS {
            return Err(Unknown::TooMany(depth.ready));
        }
        let mut letters = Letters::default();
        if depth.ready == 0 {
            return Ok(letters);
        }
        let mut browser = Browser::open(&self.broker, &self.queue).await?;
        let read = read_all(&mut browser, &mut letters).await;
        let left = browser.left();
        browser.close().await;
        read?;
        if left == 0 { Ok(letters) } else { Err(Unknown::HeldByOthers) }
    }

    async fn depth(&self, look: &mut Look) -> Result<QueueDepth, Unknown> {
        let inspector = match look.inspector.take() {
            Some(inspector) => inspector,
            None => Inspector::connect(&self.broker).await?,
        };
        // One that found trouble is not asked again.
        let depth = inspector.depth(&self.queue).await?;
        look.inspector = Some(inspector);
        depth.ok_or_else(|| Unknown::NoQueue(self.queue.clone()))
    }

    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read_all(browser: &mut Browser, letters: &mut Letters) -> Result<(), BrowseError> {
    while let Some(browsed) = browser.next().await? {
        let message = &browsed.message;
        letters.found(key_of(message), stamp_of(message));
    }
    Ok(())
}

fn key_of(message: &Received) -> Option<Key> {
    decode(message).ok()?.subject().map(Key::from)
}

/// Without a stamp of its own, one that died before its destination was ordered.
fn stamp_of(message: &Received) -> u64 {
    message.first_dead_at_ms().or_else(|| message.dead_at_ms()).unwrap_or(0)
}
