//! What is told about a delivery that came to an end, or to a pause.

use fanfare_broker::Cause;
use serde::Serialize;

/// One report, as JSON on `{ns}.reports`. It holds no payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The event's id.
    pub event_id: String,
    /// Where the event comes from; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The event's type; absent when it could not be read.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// The destination.
    pub destination: String,
    /// The attempt that this is about, from 1; 0 when none was made.
    pub attempt: u32,
    /// What became of the delivery.
    pub outcome: Result,
    /// Why it is a dead letter.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cause_as_text")]
    pub cause: Option<Cause>,
    /// The HTTP status, if one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the call took.
    pub duration_ms: u64,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The W3C trace id, if the message carried one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Result {
    /// The destination has the event.
    Delivered,
    /// It became a dead letter.
    Dead,
    /// The destination does not want such events.
    Skipped,
    /// The destination had it already.
    Duplicate,
    /// It comes again after a pause, and an attempt was spent.
    Retry,
    /// It comes again after a pause, and no attempt was spent.
    Hold,
}

impl Result {
    /// Those after which nothing follows.
    pub(crate) const FINAL: [Self; 4] =
        [Self::Delivered, Self::Dead, Self::Skipped, Self::Duplicate];

    /// The result as it stands in labels and routing keys.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Skipped => "skipped",
            Self::Duplicate => "duplicate",
            Self::Retry => "retry",
            Self::Hold => "hold",
        }
    }
}

fn cause_as_text<S: serde::Serializer>(
    cause: &Option<Cause>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    cause.map(Cause::as_str).serialize(serializer)
}
