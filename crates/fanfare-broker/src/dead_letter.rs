//! Why a message was given up.

use std::fmt;
use std::str::FromStr;

/// Why a message is a dead letter: a closed set that operators filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The destination will never take it.
    Rejected,
    /// Its attempts are used up.
    Exhausted,
    /// It is too old.
    Expired,
    /// It is not an event.
    Undecodable,
    /// It was handed over again and again, as if it killed its consumer.
    Poison,
    /// It may have been delivered, and the policy is to hold such events.
    Ambiguous,
    /// An earlier event of its key was dead-lettered.
    Blocked,
}

/// What is written on a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeathNote {
    /// Why, from the closed set.
    pub cause: Cause,
    /// Why, in a sentence; cut to [`Self::LONGEST_TEXT`].
    pub reason: String,
    /// The HTTP status, if one came.
    pub status: Option<u16>,
    /// The start of the answer, masked; cut to [`Self::LONGEST_TEXT`].
    pub response: Option<String>,
    /// When, in milliseconds since the epoch.
    pub dead_at_ms: u64,
    /// The destination that gave it up.
    pub destination: String,
    /// The process and version that gave it up.
    pub consumer: String,
}

/// A text that is no [`Cause`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no cause, expected one of rejected, exhausted, expired, undecodable, poison, ambiguous, blocked"
)]
pub struct UnknownCause(pub String);

impl DeathNote {
    /// The longest reason and the longest response, in bytes. A frame holds all
    /// headers of a message, and one that is too large closes the connection.
    pub const LONGEST_TEXT: usize = 1024;
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::Rejected,
        Self::Exhausted,
        Self::Expired,
        Self::Undecodable,
        Self::Poison,
        Self::Ambiguous,
        Self::Blocked,
    ];

    /// The cause as it stands in headers, labels and filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Undecodable => "undecodable",
            Self::Poison => "poison",
            Self::Ambiguous => "ambiguous",
            Self::Blocked => "blocked",
        }
    }
}

impl FromStr for Cause {
    type Err = UnknownCause;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|cause| cause.as_str() == text)
            .ok_or_else(|| UnknownCause(text.to_owned()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_reads_back() {
        for cause in Cause::ALL {
            assert_eq!(cause.to_string().parse(), Ok(cause));
        }
        assert!("unlucky".parse::<Cause>().unwrap_err().to_string().contains("poison"));
    }
}
