//! The ledger that all processes of a destination share, in a Redis.
//!
//! This process's own ledger stands in front of it: it spares round trips, and it is
//! what is left while the Redis is away. A claim has a lease, because its holder may
//! die, and a number, because its holder may only have been paused: with the number of
//! an older claim nobody ends a newer one. That an event was delivered is true whoever
//! says it, and stays.

use std::mem::take;
use std::sync::LazyLock;
use std::time::Duration;

use fanfare_events::{DestinationName, IdempotencyKey};
use prometheus_client::metrics::counter::Counter;
use redis::{RedisError, Script};

use super::given_up::{self, Publication};
use super::memory::{LocalAnswer, MemoryLedger};
use super::postbox::{Entry, Postbox, Word};
use super::{Claim, Claimed, IfTaken, LedgerDown, TIME_TO_LIVE};
use crate::clock::as_ms;
use crate::shared::{Away, RedisAddress, RedisLink};

/// The shared ledger of one destination.
#[derive(Debug)]
pub(crate) struct SharedLedger {
    memory: MemoryLedger,
    link: RedisLink,
    postbox: Postbox,
    /// What the entries' names start with.
    prefix: String,
    options: SharedOptions,
}

/// What a shared ledger is made with.
#[derive(Clone, Debug)]
pub(crate) struct SharedOptions {
    /// How long a claim holds without a word; longer than any call.
    pub(crate) lease: Duration,
    pub(crate) down: LedgerDown,
    /// Counts claims without the shared ledger.
    pub(crate) unavailable: Counter,
}

/// A claim in the shared ledger; dropping it is a word, too.
#[derive(Debug)]
pub(super) struct SharedClaim<'a> {
    ledger: &'a SharedLedger,
    entry: Entry,
    /// What is still to be said.
    unsaid: Option<Word>,
}

/// What a claim is answered, as claim.lua says it.
enum Answer {
    Delivered,
    Ours { abandoned: bool },
    Held(Duration),
}

static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));

impl SharedLedger {
    /// The ledger of `destination` in a namespace. It need not be there yet.
    pub(crate) async fn connect(
        address: &RedisAddress,
        namespace: &str,
        destination: &DestinationName,
        options: SharedOptions,
    ) -> Result<Self, RedisError> {
        let prefix = format!("{namespace}:ledger:{destination}:");
        let without = options.down.as_str();
        let probe = format!("{prefix}probe");
        let link = RedisLink::connect(address, "the ledger", without, probe).await?;
        let postbox = Postbox::open(link.clone());
        Ok(Self { memory: MemoryLedger::new(), link, postbox, prefix, options })
    }

    pub(super) async fn claim(&self, key: IdempotencyKey, if_taken: IfTaken) -> Claim<'_> {
        let (local, waited) = match self.memory.claim(key, if_taken).await {
            LocalAnswer::Ours { claim, waited } => (claim, waited),
            LocalAnswer::Delivered => return Claim::Delivered,
            LocalAnswer::Taken => return Claim::Taken,
        };
        let mut shared = self.new_claim(key);
        let abandoned = match shared.ask().await {
            Ok(Answer::Delivered) => {
                shared.unsaid = None;
                local.delivered();
                return Claim::Delivered;
            }
            Ok(Answer::Ours { abandoned }) => abandoned,
            Ok(Answer::Held(left)) => {
                shared.unsaid = None;
                return Claim::Elsewhere(left);
            }
            Err(away) => {
                self.options.unavailable.inc();
                match self.options.down {
                    LedgerDown::Hold => return Claim::Unavailable(away),
                    LedgerDown::Deliver => false,
                }
            }
        };
        shared.unsaid = Some(Word::Abandoned);
        Claim::Ours(Claimed { local, shared: Some(shared), waited, abandoned })
    }

    pub(super) async fn give_up(&self, key: IdempotencyKey, publication: Publication) {
        given_up::tell(&self.link, &self.dead_name(key), &publication).await;
        self.memory.given_up.add(key, publication);
    }

    pub(super) async fn was_given_up(
        &self,
        key: IdempotencyKey,
        publication: &Publication,
    ) -> bool {
        self.memory.given_up.holds(key, publication)
            || given_up::ask(&self.link, &self.dead_name(key), publication).await
    }

    pub(super) async fn close(&self) {
        self.postbox.emptied().await;
    }

    fn dead_name(&self, key: IdempotencyKey) -> String {
        format!("{}dead:{key}", self.prefix)
    }

    /// Nothing is called yet. If the entry becomes ours, whether or not we hear of it, and
    /// nobody uses it, it is to be free.
    fn new_claim(&self, key: IdempotencyKey) -> SharedClaim<'_> {
        let entry = Entry { name: format!("{}{key}", self.prefix), holder: fastrand::u64(..) };
        SharedClaim { ledger: self, entry, unsaid: Some(Word::Released) }
    }
}

impl SharedClaim<'_> {
    pub(super) async fn delivered(self) {
        self.end(Word::Delivered).await;
    }

    pub(super) async fn release(self) {
        self.end(Word::Released).await;
    }

    async fn ask(&self) -> Result<Answer, Away> {
        let Self { ledger, entry, .. } = self;
        let lease = as_ms(ledger.options.lease);
        let mut question = CLAIM.key(&entry.name);
        let question = question.arg(entry.holder).arg(lease).arg(as_ms(TIME_TO_LIVE));
        Ok(match ledger.link.ask::<i64>(question).await? {
            ..=-2 => Answer::Delivered,
            -1 => Answer::Ours { abandoned: true },
            0 => Answer::Ours { abandoned: false },
            left @ 1.. => Answer::Held(Duration::from_millis(left.unsigned_abs())),
        })
    }

    /// Says it now. If that fails, or nobody waits for it to the end, the postbox does.
    async fn end(mut self, word: Word) {
        self.unsaid = Some(word);
        if self.entry.say(word, &self.ledger.link).await.is_ok() {
            self.unsaid = None;
        }
    }
}

impl Drop for SharedClaim<'_> {
    fn drop(&mut self) {
        if let Some(word) = self.unsaid {
            let entry = Entry { name: take(&mut self.entry.name), holder: self.entry.holder };
            self.ledger.postbox.post(entry, word);
        }
    }
}
