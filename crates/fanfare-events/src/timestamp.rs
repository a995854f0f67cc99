//! Points in time as RFC 3339 text that stays as it was written.

use serde::{Deserialize, Deserializer, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::attribute::{AttributeError, AttributeProblem};

/// An RFC 3339 timestamp: the text as it came, and the instant that it means.
///
/// Two timestamps are equal when their text is; compare [`instant`](Self::instant)s to ask
/// whether they mean the same moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timestamp {
    text: Box<str>,
    instant: OffsetDateTime,
}

impl Timestamp {
    /// The text, exactly as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The moment that the text means.
    #[must_use]
    pub fn instant(&self) -> OffsetDateTime {
        self.instant
    }

    pub(crate) fn parse(text: &str) -> Result<Self, AttributeError> {
        let instant = parse_rfc3339(text).ok_or_else(malformed)?;
        Ok(Self { text: text.into(), instant })
    }

    /// Fails for what RFC 3339 cannot write: years beyond 9999 and offsets with seconds.
    pub(crate) fn write(instant: OffsetDateTime) -> Result<Self, AttributeError> {
        let text = instant.format(&Rfc3339).map_err(|_| malformed())?;
        Ok(Self { text: text.into(), instant })
    }
}

fn malformed() -> AttributeError {
    AttributeError::new("time", AttributeProblem::Malformed { expected: "an RFC 3339 timestamp" })
}

/// `time` takes any character between date and time; RFC 3339 §5.6 only `T` or `t`.
fn parse_rfc3339(text: &str) -> Option<OffsetDateTime> {
    matches!(text.as_bytes().get(10), Some(b'T' | b't'))
        .then(|| OffsetDateTime::parse(text, &Rfc3339).ok())?
}

/// Serializes as RFC 3339; for `#[serde(with)]`.
pub(crate) fn serialize<S: Serializer>(
    instant: &OffsetDateTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time::serde::rfc3339::serialize(instant, serializer)
}

/// Deserializes from RFC 3339, strictly; for `#[serde(with)]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<OffsetDateTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_rfc3339(&text).ok_or_else(|| {
        de::Error::invalid_value(de::Unexpected::Other("string"), &"an RFC 3339 timestamp")
    })
}
