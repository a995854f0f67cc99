//! Why the data of an event is not the payload that its type promises.

use serde_path_to_error::Path;

/// The data of an event cannot be read as its payload.
///
/// What the data says is not repeated, because it is about people and errors are logged.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The event is of another type.
    #[error("event is a {found:?}, not a {expected:?}")]
    OtherType {
        /// The type that was asked for.
        expected: &'static str,
        /// The event's type.
        found: String,
    },
    /// The event's `dataschema` names another version of the type.
    #[error("event has schema version {found:?}, not {expected}")]
    OtherVersion {
        /// The version that was asked for.
        expected: u32,
        /// The event's version.
        found: String,
    },
    /// The event carries nothing.
    #[error("event has no data")]
    NoData,
    /// The event carries something other than JSON.
    #[error("data is not JSON")]
    NotJsonData,
    /// The data should be JSON and is not, or holds text that is not Unicode.
    #[error("data is not valid JSON")]
    NotJson(#[source] serde_json::Error),
    /// A member is missing.
    #[error("{path} is missing")]
    Missing {
        /// Where it should be, for example `data.email`.
        path: String,
    },
    /// A member is there, but not what it must be.
    #[error("{path} is {found}, not {expected}")]
    IllTyped {
        /// Where it is, for example `data.email`.
        path: String,
        /// What it must be.
        expected: String,
        /// The kind of what is there.
        found: &'static str,
    },
    /// A member breaks some other rule.
    #[error("{path} is invalid: {problem}")]
    Invalid {
        /// Where it is, for example `data.email`.
        path: String,
        /// The rule, in the words of the type.
        problem: String,
    },
}

/// Says what serde found wrong, without the values that serde repeats.
pub(super) fn explain(error: serde_path_to_error::Error<serde_json::Error>) -> PayloadError {
    let path = path_in_event(error.path());
    let error = error.into_inner();
    if !error.is_data() {
        return PayloadError::NotJson(error);
    }
    let message = without_position(&error);
    if let Some(member) =
        message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'))
    {
        return PayloadError::Missing { path: format!("{path}.{member}") };
    }
    match message.rsplit_once(", expected ") {
        Some((found, expected)) => {
            PayloadError::IllTyped { path, expected: expected.to_owned(), found: kind_of(found) }
        }
        None => PayloadError::Invalid { path, problem: message },
    }
}

fn path_in_event(path: &Path) -> String {
    if path.iter().len() == 0 {
        return "data".to_owned();
    }
    let path = path.to_string();
    if path.starts_with('[') { format!("data{path}") } else { format!("data.{path}") }
}

/// The position is one within `data`, which nobody sees on its own.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    message.strip_suffix(&position).unwrap_or(&message).to_owned()
}

/// serde writes ``invalid type: integer `5` ``; only the kind may be repeated.
fn kind_of(message: &str) -> &'static str {
    let found = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .unwrap_or_default();
    match found.split([' ', ',']).next() {
        Some("null") => "null",
        Some("boolean") => "a boolean",
        Some("integer") => "an integer",
        Some("floating") => "a number with a fraction",
        Some("string") => "a string",
        Some("sequence") => "an array",
        Some("map") => "an object",
        _ => "something else",
    }
}
