//! The two lines of a change.

use serde::Serialize;
use serde_json::Value;

/// What is about to be changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Change {
    /// The command, such as `dlq replay`.
    pub command: &'static str,
    /// The namespace.
    pub namespace: String,
    /// The destinations.
    pub destinations: Vec<String>,
    /// The broker, without credentials.
    pub broker: String,
    /// Which dead letters; only the conditions that were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<Value>,
    /// The replay's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Why, in the operator's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// How a change came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ending {
    /// What was counted.
    pub counts: Value,
    /// Whether it was asked to stop before its end.
    pub interrupted: bool,
    /// Why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One line of the log.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    pub(super) at: String,
    pub(super) phase: Phase,
    /// The same in both lines of a change.
    pub(super) change: &'a str,
    pub(super) user: &'a str,
    pub(super) actor: Option<&'a str>,
    #[serde(flatten)]
    pub(super) what: &'a Change,
    #[serde(flatten)]
    pub(super) ending: Option<&'a Ending>,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Started,
    Finished,
}
