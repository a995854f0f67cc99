//! Why some bytes are not an event.

use crate::attribute::AttributeError;

/// Bytes or headers are not a valid event. The same bytes will never be one.
///
/// No variant repeats a value of the event, except a foreign `specversion`.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Larger than an event may be.
    #[error("event is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes: [`MAX_EVENT_BYTES`](crate::MAX_EVENT_BYTES).
        limit: usize,
    },
    /// JSON is UTF-8, and this is not.
    #[error("event is not UTF-8 from byte {position}")]
    NotUtf8 {
        /// How many bytes are valid.
        position: usize,
    },
    /// Nested too deeply.
    #[error("event nests deeper than {limit} levels")]
    TooDeep {
        /// The limit: [`MAX_NESTING`](crate::MAX_NESTING).
        limit: usize,
    },
    /// Not JSON at all.
    #[error("event is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// JSON, but no object.
    #[error("event is JSON, but not an object")]
    NotAnObject,
    /// Of a version of CloudEvents that is not spoken here.
    #[error("specversion is {found:?}, only \"1.0\" is understood")]
    UnknownVersion {
        /// The version that was found, or its beginning.
        found: String,
    },
    /// One attribute breaks its rule.
    #[error(transparent)]
    Attribute(#[from] AttributeError),
    /// `data` together with `data_base64`.
    #[error("event has both data and data_base64")]
    DataTwice,
    /// `data_base64` is not base64.
    #[error("data_base64 is not base64")]
    NotBase64(#[source] base64::DecodeError),
    /// In binary mode: the content type promises JSON, and the body is not.
    #[error("data is not JSON, although its content type says so")]
    DataNotJson(#[source] serde_json::Error),
}
