//! What a line is: a whole event, or the data of one.

use fanfare_events::{DecodeError, Event, InvalidEvent, MAX_EVENT_BYTES};
use serde_json::value::RawValue;

use super::lines::Line;

/// What each line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A CloudEvent in JSON.
    Event,
    /// JSON data; every line becomes an event with a new id.
    Data {
        /// The events' type.
        event_type: String,
        /// Where they come from.
        source: String,
    },
}

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is longer than an event may be.
    #[error("line is longer than {MAX_EVENT_BYTES} bytes")]
    TooLong,
    /// It is no CloudEvent.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is no JSON.
    #[error("data is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// It makes no event.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
}

impl Shape {
    /// The event that `line` says.
    pub fn event(&self, line: &Line) -> Result<Event, LineError> {
        let Line::Bytes(bytes) = line else { return Err(LineError::TooLong) };
        match self {
            Self::Event => Ok(Event::from_json(bytes)?),
            Self::Data { event_type, source } => {
                let data: Box<RawValue> =
                    serde_json::from_slice(bytes).map_err(LineError::NotJson)?;
                Ok(Event::builder(event_type, source).raw_data(data).build()?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Line {
        Line::Bytes(text.into())
    }

    #[test]
    fn a_line_is_a_whole_event_or_its_data() {
        let event = r#"{"specversion":"1.0","id":"1","source":"/x","type":"a.b"}"#;
        assert_eq!(Shape::Event.event(&bytes(event)).unwrap().id().as_str(), "1");

        let shape = Shape::Data { event_type: "a.b".into(), source: "/x".into() };
        let (one, two) = (shape.event(&bytes("{}")).unwrap(), shape.event(&bytes("{}")).unwrap());
        assert_eq!((one.event_type(), one.source()), ("a.b", "/x"));
        assert_ne!(one.id(), two.id());
    }

    #[test]
    fn what_is_no_event_says_why() {
        let data = Shape::Data { event_type: "a.b".into(), source: "/x".into() };
        let untyped = Shape::Data { event_type: String::new(), source: "/x".into() };
        assert!(matches!(Shape::Event.event(&Line::TooLong), Err(LineError::TooLong)));
        assert!(matches!(Shape::Event.event(&bytes("{}")), Err(LineError::Decode(_))));
        assert!(matches!(data.event(&bytes("nonsense")), Err(LineError::NotJson(_))));
        assert!(matches!(untyped.event(&bytes("{}")), Err(LineError::Invalid(_))));
    }
}
