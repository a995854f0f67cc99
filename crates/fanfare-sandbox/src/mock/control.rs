//! What goes wrong at a mock, as tests and operators write it down.

use std::collections::VecDeque;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::fault::Fault;

/// Everything that goes wrong. The first of `rules`, `script`, `all` that applies decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Waited before every request is carried out.
    pub latency_ms: u64,
    /// Up to this much more, at random.
    pub jitter_ms: u64,
    /// Requests that are in their latency at the same time; the others stand in line for it, so
    /// that answers come later and later, and no more of them. Any number unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<NonZeroUsize>,
    /// What happens to requests beyond the capacity, at once and in place of standing in line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Fault>,
    /// One bad input fails its whole batch, also where HubSpot would answer input by input.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub whole_batches: bool,
    /// The mock's clock is this far ahead: shows in `Date` and in dates of `Retry-After`.
    pub date_skew_s: i64,
    /// In order; the first that applies decides.
    pub rules: Vec<Rule>,
    /// One entry per request that no rule decided, each used once.
    pub script: VecDeque<Fault>,
    /// For every request that neither rules nor script decided.
    pub all: Option<Fault>,
}

/// A fault with a condition. Without one it applies to every request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Rule {
    /// Only to requests whose body contains this text.
    pub body_contains: Option<String>,
    /// Only to this share of the requests, from 0 to 1, drawn with `seed`.
    pub rate: Option<f64>,
    /// Makes the draws repeatable.
    pub seed: u64,
    /// At most so often.
    pub times: Option<u64>,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Why a control was refused.
#[derive(Debug, Error)]
pub enum ControlError {
    /// No status an answer can have.
    #[error("status {0} is not between 200 and 599")]
    Status(u16),
    /// A date form that cannot be read.
    #[error("retry_after `{0}` is neither plain text nor like `imf:+3s`")]
    RetryAfter(String),
    /// A name or a value that no header can have.
    #[error("header `{0}` has a name or a value that HTTP does not allow")]
    Header(String),
    /// Two endings of the same request.
    #[error("a request ends in one way: hang, reset, truncate, or a status")]
    Endings,
    /// Two bodies of the same answer.
    #[error("an answer has one body: the one given, filler, or half of its own")]
    Bodies,
    /// No share.
    #[error("rate {0} is not between 0 and 1")]
    Rate(f64),
}

impl Rule {
    /// `fault` for requests whose body contains `text`.
    pub fn body_contains(text: impl Into<String>, fault: Fault) -> Self {
        Self { body_contains: Some(text.into()), fault, ..Self::default() }
    }

    /// `fault` for a share of the requests.
    pub fn sometimes(rate: f64, seed: u64, fault: Fault) -> Self {
        Self { rate: Some(rate), seed, fault, ..Self::default() }
    }

    /// Applies at most `times` times.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

impl TryFrom<Map<String, Value>> for Rule {
    type Error = serde_json::Error;

    /// Takes the condition out and leaves the rest to [`Fault`], so that a mistyped name is an
    /// error: serde cannot refuse unknown fields around a flattened one.
    fn try_from(mut fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let mut take = |name| fields.remove(name).unwrap_or(Value::Null);
        Ok(Self {
            body_contains: serde_json::from_value(take("body_contains"))?,
            rate: serde_json::from_value(take("rate"))?,
            seed: serde_json::from_value::<Option<u64>>(take("seed"))?.unwrap_or_default(),
            times: serde_json::from_value(take("times"))?,
            fault: serde_json::from_value(Value::Object(fields))?,
        })
    }
}

impl Control {
    /// Every request gets this fault.
    pub fn all(fault: Fault) -> Self {
        Self { all: Some(fault), ..Self::default() }
    }

    /// These faults, one per request, then nothing.
    pub fn script(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { script: faults.into_iter().collect(), ..Self::default() }
    }

    /// These rules.
    pub fn rules(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self { rules: rules.into_iter().collect(), ..Self::default() }
    }

    /// Every request takes this long, and up to `jitter_ms` longer.
    pub fn latency(latency_ms: u64, jitter_ms: u64) -> Self {
        Self { latency_ms, jitter_ms, ..Self::default() }
    }

    /// `capacity` requests at a time take this long each; the others stand in line.
    pub fn knee(capacity: NonZeroUsize, latency_ms: u64) -> Self {
        Self { capacity: Some(capacity), latency_ms, ..Self::default() }
    }

    /// `capacity` requests at a time take this long each; to the others `beyond` happens at once.
    pub fn edge(capacity: NonZeroUsize, latency_ms: u64, beyond: Fault) -> Self {
        Self { beyond: Some(beyond), ..Self::knee(capacity, latency_ms) }
    }

    pub(crate) fn check(&self) -> Result<(), ControlError> {
        let ruled = self.rules.iter().map(|rule| &rule.fault);
        ruled
            .chain(&self.script)
            .chain(&self.all)
            .chain(&self.beyond)
            .try_for_each(Fault::check)?;
        match self.rules.iter().filter_map(|rule| rule.rate).find(|r| !(0.0..=1.0).contains(r)) {
            Some(rate) => Err(ControlError::Rate(rate)),
            None => Ok(()),
        }
    }
}
