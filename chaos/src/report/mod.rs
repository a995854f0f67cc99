//! The verdict, as text for an operator, JSON for scripts, and a picture.

mod picture;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

pub use picture::draw;

use crate::facts::Facts;
use crate::inject::Happened;
use crate::load::DESTINATIONS;
use crate::oracle::{Finding, judge};
use crate::watch::Recording;

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether every invariant held.
    pub holds: bool,
    /// What everything was drawn from.
    pub seed: u64,
    /// How long the load was kept up, in seconds.
    pub seconds: f64,
    /// The version of RabbitMQ.
    pub broker: String,
    /// What was published.
    pub published: Counts,
    /// What became of it.
    pub destinations: Vec<Destination>,
    /// One for each invariant, in their order.
    pub findings: Vec<Finding>,
    /// The faults, in order of time.
    pub happened: Vec<Happened>,
    /// What was seen twice a second.
    pub recording: Recording,
    /// When the last fault was over, and when the backlog was gone.
    pub healed_ms: f64,
    /// See there.
    pub drained_ms: Option<f64>,
    /// Where logs and journals are, as long as they are kept.
    pub folder: PathBuf,
}

/// What was published.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Events whose publish began.
    pub begun: usize,
    /// Confirmed: they have to arrive.
    pub confirmed: usize,
    /// Of these, what a service had enqueued and then rolled back.
    pub rolled_back: usize,
    /// Neither: they may have arrived.
    pub maybe: usize,
    /// Messages that are no events.
    pub bad: usize,
}

/// What became of it at one destination.
#[derive(Clone, Debug, Serialize)]
pub struct Destination {
    /// Its name.
    pub name: &'static str,
    /// Where its consumers wrote down what they had delivered.
    pub ledger: &'static str,
    /// Requests.
    pub requests: usize,
    /// Events that its API accepted.
    pub delivered: usize,
    /// Effects beyond the first of each event.
    pub doubled: u64,
    /// Dead letters.
    pub dead: usize,
}

impl Report {
    /// Judges the facts.
    pub fn of(facts: Facts, broker: String, folder: PathBuf) -> Self {
        let findings = judge(&facts);
        let confirmed = facts.published.iter().filter(|one| one.is_confirmed).count();
        let rolled_back = facts.published.iter().filter(|one| one.is_ruled_out).count();
        let begun = facts.published.len();
        let destinations = DESTINATIONS.iter().zip(&facts.destinations).map(|(spec, at)| {
            let doubled = at.tallies.values().map(|tally| tally.effects.saturating_sub(1));
            Destination {
                name: spec.name,
                ledger: if at.shares_ledger { "redis" } else { "memory" },
                requests: at.calls.len(),
                delivered: at.tallies.values().filter(|tally| tally.accepted > 0).count(),
                doubled: doubled.map(u64::from).sum(),
                dead: at.dead.len(),
            }
        });
        Self {
            holds: findings.iter().all(Finding::holds),
            seed: facts.plan.seed,
            seconds: facts.plan.seconds,
            broker,
            published: Counts {
                begun,
                confirmed,
                rolled_back,
                maybe: begun.saturating_sub(confirmed + rolled_back),
                bad: facts.bad.len(),
            },
            destinations: destinations.collect(),
            findings,
            happened: facts.happened,
            recording: facts.recording,
            healed_ms: facts.healed_ms,
            drained_ms: facts.drained_ms,
            folder,
        }
    }

    /// The report in words.
    pub fn text(&self) -> String {
        text::written(self)
    }

    /// How often each kind of fault happened, and how often it was seen.
    fn by_kind(&self) -> BTreeMap<crate::plan::Kind, (usize, u64)> {
        let mut by_kind = BTreeMap::new();
        for happened in &self.happened {
            let (count, seen) = by_kind.entry(happened.planned.kind).or_insert((0, 0));
            *count += 1;
            *seen += happened.seen;
        }
        by_kind
    }
}
