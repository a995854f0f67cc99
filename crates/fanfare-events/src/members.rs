//! The attributes of an event as they were found, before they are held to any rule.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::attribute::{AttributeError, AttributeProblem, AttributeValue};
use crate::decode::DecodeError;
use crate::event::{Event, EventData};
use crate::id::EventId;
use crate::timestamp::Timestamp;

/// Collects attributes from either content mode and makes an event of them.
#[derive(Debug, Default)]
pub(crate) struct Members<'a> {
    specversion: Option<Found<'a>>,
    id: Option<Found<'a>>,
    source: Option<Found<'a>>,
    event_type: Option<Found<'a>>,
    subject: Option<Found<'a>>,
    time: Option<Found<'a>>,
    datacontenttype: Option<Found<'a>>,
    dataschema: Option<Found<'a>>,
    extensions: Vec<(Cow<'a, str>, Found<'a>)>,
    duplicate: Option<Cow<'a, str>>,
}

/// A value as it stands on the wire.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// `null`: the attribute is not set.
    Null,
    Boolean(bool),
    Integer(i64),
    Text(Cow<'a, str>),
    /// What no attribute can be: a fraction, an array, an object.
    Other,
}

impl<'a> Members<'a> {
    pub(crate) fn put(&mut self, name: Cow<'a, str>, value: Found<'a>) {
        let slot = match &*name {
            "specversion" => &mut self.specversion,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "type" => &mut self.event_type,
            "subject" => &mut self.subject,
            "time" => &mut self.time,
            "datacontenttype" => &mut self.datacontenttype,
            "dataschema" => &mut self.dataschema,
            _ => {
                self.extensions.push((name, value));
                return;
            }
        };
        if slot.replace(value).is_some() {
            self.reject_duplicate(name);
        }
    }

    pub(crate) fn reject_duplicate(&mut self, name: Cow<'a, str>) {
        self.duplicate.get_or_insert(name);
    }

    pub(crate) fn into_event(self, data: Option<EventData>) -> Result<Event, DecodeError> {
        if let Some(name) = self.duplicate {
            return Err(AttributeError::new(&name, AttributeProblem::Duplicate).into());
        }
        let version = required("specversion", self.specversion)?;
        if version != "1.0" {
            return Err(DecodeError::UnknownVersion { found: version.chars().take(16).collect() });
        }
        let event = Event {
            id: EventId::new(&required("id", self.id)?)?,
            source: boxed(required("source", self.source)?),
            event_type: boxed(required("type", self.event_type)?),
            subject: optional("subject", self.subject)?.map(boxed),
            time: optional("time", self.time)?.map(|text| Timestamp::parse(&text)).transpose()?,
            datacontenttype: optional("datacontenttype", self.datacontenttype)?.map(boxed),
            dataschema: optional("dataschema", self.dataschema)?.map(boxed),
            extensions: extensions(self.extensions)?,
            data,
        };
        event.check_attributes()?;
        Ok(event)
    }
}

impl From<AttributeValue> for Found<'_> {
    fn from(value: AttributeValue) -> Self {
        match value {
            AttributeValue::Boolean(value) => Self::Boolean(value),
            AttributeValue::Integer(value) => Self::Integer(value.into()),
            AttributeValue::String(value) => Self::Text(value.into()),
        }
    }
}

fn required<'a>(name: &str, found: Option<Found<'a>>) -> Result<Cow<'a, str>, AttributeError> {
    optional(name, found)?.ok_or_else(|| AttributeError::new(name, AttributeProblem::Missing))
}

pub(crate) fn optional<'a>(
    name: &str,
    found: Option<Found<'a>>,
) -> Result<Option<Cow<'a, str>>, AttributeError> {
    match found {
        None | Some(Found::Null) => Ok(None),
        Some(Found::Text(text)) => Ok(Some(text)),
        Some(Found::Boolean(_) | Found::Integer(_) | Found::Other) => {
            Err(AttributeError::new(name, AttributeProblem::IllTyped { expected: "a string" }))
        }
    }
}

fn extensions(
    mut found: Vec<(Cow<'_, str>, Found<'_>)>,
) -> Result<BTreeMap<Box<str>, AttributeValue>, AttributeError> {
    found.sort_by(|(one, _), (two, _)| one.cmp(two));
    if let Some(twice) = found.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(AttributeError::new(&twice[0].0, AttributeProblem::Duplicate));
    }
    found.into_iter().filter_map(|(name, value)| extension(name, value).transpose()).collect()
}

fn extension(
    name: Cow<'_, str>,
    found: Found<'_>,
) -> Result<Option<(Box<str>, AttributeValue)>, AttributeError> {
    let ill_typed = |expected| AttributeError::new(&name, AttributeProblem::IllTyped { expected });
    let value = match found {
        // The name is held to its rule even though the attribute is not set.
        Found::Null => {
            crate::attribute::check_extension_name(&name)?;
            return Ok(None);
        }
        Found::Boolean(value) => AttributeValue::Boolean(value),
        Found::Integer(value) => AttributeValue::Integer(
            i32::try_from(value).map_err(|_| ill_typed("an integer of 32 bits"))?,
        ),
        Found::Text(text) => AttributeValue::String(text.into_owned()),
        Found::Other => return Err(ill_typed("a boolean, an integer of 32 bits or a string")),
    };
    Ok(Some((boxed(name), value)))
}

fn boxed(text: Cow<'_, str>) -> Box<str> {
    text.into_owned().into_boxed_str()
}
