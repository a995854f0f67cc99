//! What happens to users.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::Payload;
use crate::timestamp;

/// A user has registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserRegistered {
    /// Identifies the user in the service that the event comes from.
    pub user_id: String,
    /// The address to reach the user at.
    pub email: String,
    /// When the user registered (RFC 3339).
    #[serde(with = "timestamp")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub registered_at: OffsetDateTime,
    /// The user's first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The user's last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The language that the user reads, as a BCP 47 tag such as `de-CH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// What is known about a user has changed; members that are absent have not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserUpdated {
    /// Identifies the user in the service that the event comes from.
    pub user_id: String,
    /// The address to reach the user at, after the change.
    pub email: String,
    /// The address before the change, when it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_email: Option<String>,
    /// The user's first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// The user's last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// The language that the user reads, as a BCP 47 tag such as `de-CH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// A user is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserDeleted {
    /// Identifies the user in the service that the event comes from.
    pub user_id: String,
    /// The address that the user was reached at.
    pub email: String,
}

impl Payload for UserRegistered {
    const TYPE: &'static str = "user.registered";
    const SCHEMA_VERSION: u32 = 1;
}

impl Payload for UserUpdated {
    const TYPE: &'static str = "user.updated";
    const SCHEMA_VERSION: u32 = 1;
}

impl Payload for UserDeleted {
    const TYPE: &'static str = "user.deleted";
    const SCHEMA_VERSION: u32 = 1;
}
