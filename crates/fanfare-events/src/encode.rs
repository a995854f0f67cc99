//! Writing an event as JSON, always in the same order and without touching its data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::attribute::AttributeValue;
use crate::event::{Event, EventData, MAX_EVENT_BYTES};

impl Event {
    /// The event as JSON in structured mode, to be published as [`Event::CONTENT_TYPE`].
    ///
    /// The order of members is fixed: specversion, id, source, type, subject, time,
    /// datacontenttype, dataschema, extensions by name, data. The bytes of `data` are those
    /// that came in.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.unescaped_size());
        out.extend_from_slice(br#"{"specversion":"1.0""#);
        put_text(&mut out, "id", self.id.as_str());
        put_text(&mut out, "source", &self.source);
        put_text(&mut out, "type", &self.event_type);
        let time = self.time.as_ref().map(|time| time.as_str());
        for (name, value) in [
            ("subject", self.subject()),
            ("time", time),
            ("datacontenttype", self.datacontenttype()),
            ("dataschema", self.dataschema()),
        ] {
            if let Some(value) = value {
                put_text(&mut out, name, value);
            }
        }
        for (name, value) in self.extensions() {
            put_extension(&mut out, name, value);
        }
        match &self.data {
            Some(EventData::Json(raw)) => {
                put_name(&mut out, "data");
                out.extend_from_slice(raw.get().as_bytes());
            }
            Some(EventData::Binary(bytes)) => {
                put_text(&mut out, "data_base64", &STANDARD.encode(bytes));
            }
            None => {}
        }
        out.push(b'}');
        out
    }

    /// Whether the encoded event stays within [`MAX_EVENT_BYTES`].
    pub(crate) fn fits(&self) -> bool {
        // No character grows beyond two bytes, because those that would are forbidden. So most
        // events are known to fit without being encoded.
        self.unescaped_size() <= MAX_EVENT_BYTES / 2 || self.to_json().len() <= MAX_EVENT_BYTES
    }

    /// The encoded size if nothing needs an escape, or a little more.
    fn unescaped_size(&self) -> usize {
        const NAMES_AND_QUOTES: usize = 160;
        const EXTENSION_OVERHEAD: usize = 16;
        let attributes = [
            Some(self.id.as_str()),
            Some(&self.source),
            Some(&self.event_type),
            self.subject(),
            self.time.as_ref().map(|time| time.as_str()),
            self.datacontenttype(),
            self.dataschema(),
        ];
        let attributes: usize = attributes.iter().flatten().map(|text| text.len()).sum();
        let extensions: usize = self
            .extensions()
            .map(|(name, value)| match value {
                AttributeValue::String(text) => name.len() + text.len() + EXTENSION_OVERHEAD,
                AttributeValue::Boolean(_) | AttributeValue::Integer(_) => {
                    name.len() + EXTENSION_OVERHEAD
                }
            })
            .sum();
        let data = match &self.data {
            Some(EventData::Json(raw)) => raw.get().len(),
            Some(EventData::Binary(bytes)) => bytes.len().div_ceil(3) * 4,
            None => 0,
        };
        NAMES_AND_QUOTES + attributes + extensions + data
    }
}

fn put_extension(out: &mut Vec<u8>, name: &str, value: &AttributeValue) {
    match value {
        AttributeValue::String(text) => put_text(out, name, text),
        AttributeValue::Boolean(value) => {
            put_name(out, name);
            out.extend_from_slice(value.to_string().as_bytes());
        }
        AttributeValue::Integer(value) => {
            put_name(out, name);
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
}

fn put_text(out: &mut Vec<u8>, name: &str, value: &str) {
    put_name(out, name);
    serde_json::to_writer(out, value).expect("a string always becomes JSON, and a Vec takes it");
}

/// Attribute names need no escapes: they are `[a-z0-9_]+`.
fn put_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}
