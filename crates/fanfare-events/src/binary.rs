//! Binary content mode: attributes in AMQP headers, data in the body.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::attribute::AttributeValue;
use crate::decode::DecodeError;
use crate::event::{Event, EventData, MAX_EVENT_BYTES, MAX_NESTING};
use crate::members::{Found, Members};
use crate::syntax;

/// The prefixes that the AMQP binding gives attributes; receivers take both (§3.1.3.1).
const PREFIXES: [&str; 2] = ["cloudEvents_", "cloudEvents:"];

impl Event {
    /// Reads an event in binary mode: headers named `cloudEvents_*` or `cloudEvents:*` are its
    /// attributes (other headers are none of the event's), the body is its data.
    ///
    /// `content_type` is the message's, and with it `datacontenttype`: JSON types give JSON
    /// data, all others binary data. No content type and no body give no data.
    ///
    /// # Errors
    /// When the headers or the body break any rule of CloudEvents 1.0 or a limit of this crate.
    pub fn from_binary<'a>(
        headers: impl IntoIterator<Item = (&'a str, AttributeValue)>,
        content_type: Option<&'a str>,
        body: &[u8],
    ) -> Result<Self, DecodeError> {
        if body.len() > MAX_EVENT_BYTES {
            return Err(DecodeError::TooLarge { limit: MAX_EVENT_BYTES });
        }
        let mut members = Members::default();
        if let Some(content_type) = content_type {
            let content_type = Found::Text(Cow::Borrowed(content_type));
            members.put(Cow::Borrowed("datacontenttype"), content_type);
        }
        for (header, value) in headers {
            if let Some(name) = attribute_name(header) {
                members.put(Cow::Borrowed(name), value.into());
            }
        }
        let event = members.into_event(binary_data(content_type, body)?)?;
        if event.fits() { Ok(event) } else { Err(DecodeError::TooLarge { limit: MAX_EVENT_BYTES }) }
    }
}

fn attribute_name(header: &str) -> Option<&str> {
    PREFIXES.into_iter().find_map(|prefix| {
        let (start, name) = header.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then_some(name)
    })
}

fn binary_data(content_type: Option<&str>, body: &[u8]) -> Result<Option<EventData>, DecodeError> {
    match content_type {
        None if body.is_empty() => Ok(None),
        Some(content_type) if syntax::is_json_media_type(content_type) => json_data(body),
        None | Some(_) => Ok(Some(EventData::Binary(body.to_vec()))),
    }
}

fn json_data(body: &[u8]) -> Result<Option<EventData>, DecodeError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| DecodeError::NotUtf8 { position: error.valid_up_to() })?;
    let raw: &RawValue = serde_json::from_str(text).map_err(DecodeError::DataNotJson)?;
    let data = EventData::json(raw.to_owned());
    if data.as_ref().is_some_and(EventData::nests_too_deeply) {
        return Err(DecodeError::TooDeep { limit: MAX_NESTING });
    }
    Ok(data)
}
