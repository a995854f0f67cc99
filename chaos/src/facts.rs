//! Everything that the oracle judges: recorded, never looked up again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fanfare_broker::Cause;
use fanfare_sandbox::mock::{KeyTally, RequestRecord};
use serde::Serialize;

use crate::inject::{BadMessage, Happened};
use crate::load::Name;
use crate::plan::Plan;
use crate::stage::Life;
use crate::watch::Recording;

/// What is known after a run.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What was to go wrong.
    pub plan: Plan,
    /// What went wrong.
    pub happened: Vec<Happened>,
    /// What was published, as the producers know it.
    pub published: Vec<Published>,
    /// What was published and is no event.
    pub bad: Vec<BadMessage>,
    /// What became of it, by destination.
    pub destinations: Vec<AtDestination>,
    /// Messages that fitted nowhere: none, since every destination is there all the time.
    pub parked: u64,
    /// Every process that ran.
    pub lives: Vec<Life>,
    /// What was seen meanwhile.
    pub recording: Recording,
    /// When consumers said that they could not reach their ledger.
    pub without_ledger: Vec<WithoutLedger>,
    /// When the last fault was over.
    pub healed_ms: f64,
    /// When nothing waited any more, if that came about in time.
    pub drained_ms: Option<f64>,
    /// Messages that were left, the consumers being gone.
    pub left: u64,
    /// What became of one fresh event.
    pub fresh: Fresh,
    /// What became of the dead letters that were replayed.
    pub replay: Replay,
    /// Where a secret was seen, and which.
    pub leaks: Vec<Leak>,
    /// Bytes that were searched for secrets.
    pub searched: u64,
}

/// A time in which a consumer of a destination had to do without the shared ledger.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WithoutLedger {
    /// The number of the destination.
    pub destination: usize,
    /// When it said so.
    pub from_ms: f64,
    /// When it had it again.
    pub until_ms: f64,
}

/// One event on its way in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Published {
    /// Which event.
    pub name: Name,
    /// When its publish began.
    pub begun_ms: f64,
    /// When that ended, if it was not killed meanwhile.
    pub answered_ms: Option<f64>,
    /// Whether the broker confirmed it: then it must arrive; else it may.
    pub is_confirmed: bool,
    /// Whether it certainly is none: its transaction was rolled back, or never committed.
    pub is_ruled_out: bool,
    /// What the receipt said about destinations.
    pub routed: Option<bool>,
    /// How often it was published on purpose.
    pub copies: u32,
}

/// What one destination's API and dead-letter queue hold.
#[derive(Clone, Debug, Default)]
pub struct AtDestination {
    /// Whether its consumers shared their ledger.
    pub shares_ledger: bool,
    /// Every request, in order of arrival.
    pub calls: Vec<RequestRecord>,
    /// Requests that the log has lost.
    pub unlogged: u64,
    /// What took effect, by key.
    pub tallies: BTreeMap<String, KeyTally>,
    /// What the API holds, by what it knows it by: see [`crate::oracle`].
    pub contents: BTreeMap<String, String>,
    /// Its dead letters.
    pub dead: Vec<DeadLetter>,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The message's id.
    pub id: String,
    /// Its event's key at the destination, if it is an event.
    pub key: Option<String>,
    /// Why.
    pub cause: Option<Cause>,
    /// In words.
    pub reason: String,
    /// The status that was answered last.
    pub status: Option<u16>,
    /// Attempts made.
    pub attempts: u32,
    /// When, in milliseconds since the epoch.
    pub dead_at_ms: f64,
}

/// One fresh event after everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fresh {
    /// Whether it was confirmed.
    pub is_confirmed: bool,
    /// Milliseconds until each API had it.
    pub took_ms: [Option<f64>; 3],
}

/// Dead letters that were given another go.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Replay {
    /// What the tool said when it did not do as asked.
    pub complaint: Option<String>,
    /// What became of each destination's.
    pub letters: Vec<Replayed>,
}

/// One dead letter that was replayed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    /// The number of the destination.
    pub destination: usize,
    /// The event's id.
    pub id: String,
    /// The key that its API must be told.
    pub key: String,
    /// How often the API took it since.
    pub accepted: u32,
    /// How often that changed something.
    pub effects: u32,
    /// Whether it is a dead letter again.
    pub is_dead: bool,
}

/// A secret where there must be none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// What it is.
    pub what: &'static str,
    /// Where.
    pub place: String,
}

impl Facts {
    /// Where a person looks further.
    pub fn logs(&self) -> Vec<PathBuf> {
        self.lives.iter().map(|life| life.log.clone()).collect()
    }
}
