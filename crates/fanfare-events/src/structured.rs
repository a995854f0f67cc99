//! Structured content mode: the whole event is one JSON object.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::decode::DecodeError;
use crate::event::{Event, EventData, MAX_EVENT_BYTES, MAX_NESTING};
use crate::members::{Found, Members, optional};
use crate::nesting;

/// Whether a message of this content type holds a whole event as JSON
/// ([`Event::from_json`]), and not just an event's data ([`Event::from_binary`]).
#[must_use]
pub fn is_structured(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(Event::CONTENT_TYPE)
}

impl Event {
    /// Reads an event in JSON, in one pass and without looking into its data.
    ///
    /// # Errors
    /// When the bytes break any rule of CloudEvents 1.0 or a limit of this crate. A repetition
    /// will fail alike.
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        if json.len() > MAX_EVENT_BYTES {
            return Err(DecodeError::TooLarge { limit: MAX_EVENT_BYTES });
        }
        let text = std::str::from_utf8(json)
            .map_err(|error| DecodeError::NotUtf8 { position: error.valid_up_to() })?;
        if nesting::is_deeper_than(json, MAX_NESTING) {
            return Err(DecodeError::TooDeep { limit: MAX_NESTING });
        }
        let envelope: Envelope<'_> = serde_json::from_str(text).map_err(not_an_envelope)?;
        let data = envelope_data(envelope.data, envelope.data_base64)?;
        envelope.members.into_event(data)
    }
}

/// The members of the object. Reading it fails only for what is not JSON or not an object, so
/// that every other mistake has its own [`DecodeError`].
#[derive(Default)]
struct Envelope<'a> {
    members: Members<'a>,
    data: Option<&'a RawValue>,
    data_base64: Option<Found<'a>>,
}

fn not_an_envelope(error: serde_json::Error) -> DecodeError {
    if error.is_data() { DecodeError::NotAnObject } else { DecodeError::NotJson(error) }
}

fn envelope_data(
    data: Option<&RawValue>,
    data_base64: Option<Found<'_>>,
) -> Result<Option<EventData>, DecodeError> {
    let data = data.filter(|raw| raw.get() != "null");
    let data_base64 = optional("data_base64", data_base64)?;
    match (data, data_base64) {
        (Some(_), Some(_)) => Err(DecodeError::DataTwice),
        (Some(raw), None) => Ok(EventData::json(raw.to_owned())),
        (None, Some(text)) => {
            let bytes = STANDARD.decode(&*text).map_err(DecodeError::NotBase64)?;
            Ok(Some(EventData::Binary(bytes)))
        }
        (None, None) => Ok(None),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(Name(name)) = map.next_key()? {
            let is_repeated = match &*name {
                "data" => envelope.data.replace(map.next_value()?).is_some(),
                "data_base64" => envelope.data_base64.replace(map.next_value()?).is_some(),
                _ => {
                    envelope.members.put(name, map.next_value()?);
                    continue;
                }
            };
            if is_repeated {
                envelope.members.reject_duplicate(name);
            }
        }
        Ok(envelope)
    }
}

/// A member's name, borrowed unless it was written with escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(FoundVisitor)? {
            Found::Text(name) => Ok(Self(name)),
            // JSON has no other names.
            Found::Null | Found::Boolean(_) | Found::Integer(_) | Found::Other => {
                Err(serde::de::Error::custom("member name is not a string"))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Found<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FoundVisitor)
    }
}

struct FoundVisitor;

impl<'de> Visitor<'de> for FoundVisitor {
    type Value = Found<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Found<'de>, E> {
        Ok(Found::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Found<'de>, E> {
        Ok(Found::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Found<'de>, E> {
        Ok(Found::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Found<'de>, E> {
        Ok(i64::try_from(value).map_or(Found::Other, Found::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found<'de>, E> {
        Ok(Found::Other)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found<'de>, E> {
        Ok(Found::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Found::Other)
    }
}
