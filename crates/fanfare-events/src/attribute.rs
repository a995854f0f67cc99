//! Context attributes: what a value can be, and what can be wrong with one.

use crate::syntax;

/// The value of a context attribute, of the CloudEvents types that JSON can tell apart.
///
/// Timestamps, URIs and binary values are strings on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AttributeValue {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number; CloudEvents limits it to 32 bits, signed.
    Integer(i32),
    /// Text without control characters and Unicode noncharacters.
    String(String),
}

/// One attribute is wrong: which, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("attribute {name:?} {problem}")]
pub struct AttributeError {
    /// The attribute's name; only its beginning when it is very long.
    pub name: String,
    /// What is wrong with it.
    pub problem: AttributeProblem,
}

/// What can be wrong with an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeProblem {
    /// A required attribute is absent or `null`.
    #[error("is missing")]
    Missing,
    /// An attribute that must say something says nothing.
    #[error("is empty")]
    Empty,
    /// The same attribute is set twice.
    #[error("is set twice")]
    Duplicate,
    /// The name holds something other than `a-z` and `0-9`.
    #[error("has a name that is not made of a-z and 0-9 only")]
    BadName,
    /// The name means something else already and cannot name an extension.
    #[error("has a reserved name")]
    ReservedName,
    /// The value has the wrong JSON type or is out of its range.
    #[error("is not {expected}")]
    IllTyped {
        /// What it must be, with its article.
        expected: &'static str,
    },
    /// The value is a string, but not one of the form that the attribute needs.
    #[error("is not {expected}")]
    Malformed {
        /// What it must be, with its article.
        expected: &'static str,
    },
    /// The value holds a control character or a Unicode noncharacter.
    #[error("holds the forbidden character U+{:04X}", u32::from(*character))]
    ForbiddenCharacter {
        /// The first such character.
        character: char,
    },
    /// The value does not fit into the AMQP property that carries it.
    #[error("is {size} bytes long, more than {limit}")]
    TooLong {
        /// Its length in bytes.
        size: usize,
        /// The longest that is allowed, in bytes.
        limit: usize,
    },
}

impl AttributeError {
    pub(crate) fn new(name: &str, problem: AttributeProblem) -> Self {
        Self { name: beginning_of(name).to_owned(), problem }
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for AttributeValue {
    fn from(value: i32) -> Self {
        Self::Integer(value)
    }
}

impl From<&str> for AttributeValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

/// Text that must say something and must not hold a forbidden character.
pub(crate) fn require_text(name: &str, text: &str) -> Result<(), AttributeError> {
    if text.is_empty() {
        return Err(AttributeError::new(name, AttributeProblem::Empty));
    }
    forbid_control(name, text)
}

/// Text that may be empty, but must not hold a forbidden character.
pub(crate) fn forbid_control(name: &str, text: &str) -> Result<(), AttributeError> {
    match syntax::forbidden_character(text) {
        Some(character) => {
            Err(AttributeError::new(name, AttributeProblem::ForbiddenCharacter { character }))
        }
        None => Ok(()),
    }
}

/// Text of at most `limit` bytes.
pub(crate) fn limit_length(name: &str, text: &str, limit: usize) -> Result<(), AttributeError> {
    if text.len() > limit {
        return Err(AttributeError::new(
            name,
            AttributeProblem::TooLong { size: text.len(), limit },
        ));
    }
    Ok(())
}

/// A name that an extension may have.
pub(crate) fn check_extension_name(name: &str) -> Result<(), AttributeError> {
    let problem = match name {
        "id" | "source" | "specversion" | "type" | "subject" | "time" | "datacontenttype"
        | "dataschema" | "data" => AttributeProblem::ReservedName,
        _ if syntax::is_attribute_name(name) => return Ok(()),
        _ => AttributeProblem::BadName,
    };
    Err(AttributeError::new(name, problem))
}

/// As much of a foreign name as an error should repeat.
fn beginning_of(name: &str) -> &str {
    const SHOWN_CHARACTERS: usize = 64;
    name.char_indices().nth(SHOWN_CHARACTERS).map_or(name, |(end, _)| &name[..end])
}
