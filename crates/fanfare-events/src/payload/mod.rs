//! What the data of an event says, as types.

mod error;
mod schema;
mod user;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Deserializer;

use crate::event::{Event, EventData};
use crate::syntax;

pub use error::PayloadError;
pub use schema::json_schemas;
pub use user::{UserDeleted, UserRegistered, UserUpdated};

/// The data of one event type in one schema version.
///
/// Within a version members are only added, and only optional ones; members that a type does
/// not know are ignored. Anything else is a new version.
pub trait Payload: Serialize + DeserializeOwned {
    /// The event type, for example `user.registered`.
    const TYPE: &'static str;
    /// The version of the schema, from 1.
    const SCHEMA_VERSION: u32;

    /// The `dataschema` of such events, for example `urn:fanfare:user.registered:1`.
    #[must_use]
    fn schema_urn() -> String {
        format!("{}{}", schema_urn_prefix(Self::TYPE), Self::SCHEMA_VERSION)
    }
}

impl Event {
    /// Reads the data as `P`.
    ///
    /// # Errors
    /// When the event is of another type or schema version, has no JSON data, or the data
    /// misses a member or has an ill-typed one; the error names its path.
    pub fn payload<P: Payload>(&self) -> Result<P, PayloadError> {
        if self.event_type() != P::TYPE {
            return Err(PayloadError::OtherType {
                expected: P::TYPE,
                found: self.event_type().to_owned(),
            });
        }
        self.check_schema_version::<P>()?;
        let json = self.json_data()?;
        let mut deserializer = Deserializer::from_slice(json);
        let payload =
            serde_path_to_error::deserialize(&mut deserializer).map_err(error::explain)?;
        deserializer.end().map_err(PayloadError::NotJson)?;
        Ok(payload)
    }

    /// An event without a schema, or with one that somebody else named, is read as it is.
    fn check_schema_version<P: Payload>(&self) -> Result<(), PayloadError> {
        let version =
            self.dataschema().and_then(|urn| urn.strip_prefix(&schema_urn_prefix(P::TYPE)));
        match version {
            Some(found) if found != P::SCHEMA_VERSION.to_string() => {
                Err(PayloadError::OtherVersion {
                    expected: P::SCHEMA_VERSION,
                    found: found.to_owned(),
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn json_data(&self) -> Result<&[u8], PayloadError> {
        match self.data() {
            Some(EventData::Json(raw)) => Ok(raw.get().as_bytes()),
            Some(EventData::Binary(bytes)) if self.declares_json() => Ok(bytes),
            Some(EventData::Binary(_)) => Err(PayloadError::NotJsonData),
            None => Err(PayloadError::NoData),
        }
    }

    fn declares_json(&self) -> bool {
        self.datacontenttype().is_some_and(syntax::is_json_media_type)
    }
}

fn schema_urn_prefix(event_type: &str) -> String {
    format!("urn:fanfare:{event_type}:")
}
