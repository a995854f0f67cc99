//! How one attempt ended.

use std::time::Duration;

/// What a destination reports about one call.
///
/// The difference that matters most is whose trouble it is: an event's own
/// ([`Outcome::Rejected`], [`Outcome::Retry`]) or the whole destination's
/// ([`Outcome::Hold`]), which costs no event an attempt.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination has the event, from this attempt or from an earlier one.
    Delivered,
    /// A later attempt may succeed. Spends an attempt.
    Retry {
        /// What happened, for people.
        reason: Reason,
        /// What the destination asked for; never attempted earlier.
        after: Option<Duration>,
    },
    /// No attempt will ever succeed: a dead letter, for a person to look at.
    Rejected {
        /// What happened, for people.
        reason: Reason,
    },
    /// The destination is in trouble, not the event. Spends no attempt; nothing else
    /// is attempted meanwhile.
    Hold {
        /// What happened, for people.
        reason: Reason,
        /// What kind of trouble.
        trouble: Trouble,
        /// How long, if the destination said so.
        pause: Option<Duration>,
    },
    /// The event was sent and no answer came: it may have been delivered.
    Ambiguous {
        /// What happened, for people.
        reason: Reason,
    },
}

/// What kind of trouble a whole destination is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// It asks to slow down.
    Throttled,
    /// It cannot be reached.
    Unreachable,
    /// Too many of its answers are failures: the breaker is open.
    Failing,
    /// It does not accept our credentials.
    Unauthorized,
    /// It asks for no more events (410); a person has to resume it.
    Disabled,
    /// Its certificate or its address cannot be trusted.
    Untrusted,
}

/// Why an attempt ended as it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reason {
    /// One sentence.
    pub text: String,
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// The start of the answer, if one came, as it came.
    pub response: Option<String>,
}

impl Outcome {
    /// Rejected, with a reason that came from no answer: the event itself cannot be sent.
    pub fn rejected(text: impl Into<String>) -> Self {
        Self::Rejected { reason: Reason::new(text) }
    }

    /// The value of the `outcome` label: a closed set.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry { .. } => "retry",
            Self::Rejected { .. } => "rejected",
            Self::Hold { .. } => "hold",
            Self::Ambiguous { .. } => "ambiguous",
        }
    }

    /// Why, unless it was delivered.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Delivered => None,
            Self::Retry { reason, .. }
            | Self::Rejected { reason }
            | Self::Hold { reason, .. }
            | Self::Ambiguous { reason } => Some(reason),
        }
    }
}

impl Trouble {
    /// The trouble in words, for the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::Failing => "failing",
            Self::Unauthorized => "unauthorized",
            Self::Disabled => "disabled",
            Self::Untrusted => "untrusted",
        }
    }
}

impl Reason {
    /// A reason without an answer.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}
