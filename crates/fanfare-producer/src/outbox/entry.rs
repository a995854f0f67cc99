//! A row as it stands in the table, and the message it becomes.

use fanfare_broker::{Message, PublisherOptions, Route};
use fanfare_events::Event;

#[cfg(feature = "outbox-postgres")]
use super::at_hand::Strand;
use super::at_hand::{KeyHash, RowId};
use crate::error::PublishError;
use crate::message::{message_of, route_of};

/// A row that is pending. Any program may have written it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: RowId,
    pub(crate) key: Option<KeyHash>,
    pub(crate) content: Result<Content, Unreadable>,
}

/// What the service wrote.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) event_id: String,
    pub(crate) event_type: String,
    pub(crate) body: Vec<u8>,
}

/// A row of which not even the columns can be read.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) why: String,
}

/// An event that is ready for the outbox: nothing can be wrong with it any more.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    pub(crate) event_id: &'a str,
    pub(crate) event_type: &'a str,
    pub(crate) ordering_key: Option<&'a str>,
    pub(crate) body: Vec<u8>,
}

impl Entry {
    #[cfg(feature = "outbox-postgres")]
    pub(crate) fn strand(&self) -> Strand {
        Strand::of(self.id, self.key)
    }

    /// What it takes in memory, about.
    pub(crate) fn size(&self) -> usize {
        self.content.as_ref().map_or(0, |content| content.body.len())
    }
}

impl Unreadable {
    pub(crate) fn of(error: sqlx::Error) -> Self {
        Self { why: described("row", &error) }
    }
}

impl<'a> Written<'a> {
    /// What is written of `event`: the very bytes that will be published, and by what they are
    /// kept in order.
    pub(crate) fn of(event: &'a Event) -> Result<Self, PublishError> {
        let message = message_of(event, event.to_json())?;
        PublisherOptions::default().check(&message)?;
        let body = message.body().clone();
        // Nobody shares them any more: the bytes become a vector again without a copy.
        drop(message);
        Ok(Self {
            event_id: event.id().as_str(),
            event_type: event.event_type(),
            ordering_key: event.subject(),
            body: body.into(),
        })
    }
}

impl Content {
    /// The message, with the body as it stands in the row; or why there is none, to be told to
    /// whoever wrote the row. Says nothing of what is in the event.
    pub(crate) fn into_message(self, exchange: &str) -> Result<(Route, Message), String> {
        let event = Event::from_json(&self.body).map_err(|error| described("body", &error))?;
        if event.id().as_str() != self.event_id {
            return Err("event_id is not the id in body".into());
        }
        if event.event_type() != self.event_type {
            return Err("event_type is not the type in body".into());
        }
        let route = route_of(&event, exchange).map_err(|error| error.to_string())?;
        let message = message_of(&event, self.body).map_err(|error| error.to_string())?;
        Ok((route, message))
    }
}

fn described(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(event_id: &str, event_type: &str, body: &str) -> Content {
        Content { event_id: event_id.into(), event_type: event_type.into(), body: body.into() }
    }

    fn refusal(content: Content) -> String {
        content.into_message("fanfare.events").unwrap_err()
    }

    const BODY: &str = r#"{"specversion":"1.0","id":"1","source":"/a","type":"user.left"}"#;

    #[test]
    fn a_body_travels_as_the_bytes_that_were_written() {
        let spaced = BODY.replace(',', " , ");
        let (route, message) =
            content("1", "user.left", &spaced).into_message("fanfare.events").unwrap();
        assert_eq!(message.body().as_ref(), spaced.as_bytes());
        assert_eq!(message.id(), "1");
        assert_eq!(route, Route::new("fanfare.events", "user.left").unwrap());
    }

    #[test]
    fn rubbish_is_told_from_an_event_with_the_reason() {
        assert!(refusal(content("1", "user.left", "{")).starts_with("body: event is not JSON"));
        assert!(refusal(content("2", "user.left", BODY)).contains("event_id"));
        assert!(refusal(content("1", "user.right", BODY)).contains("event_type"));
    }

    #[test]
    fn what_is_written_is_what_will_be_read() {
        let event = Event::builder("user.left", "/a").subject("ada").build().unwrap();
        let written = Written::of(&event).unwrap();
        assert_eq!(written.ordering_key, Some("ada"));
        let content = Content {
            event_id: written.event_id.into(),
            event_type: written.event_type.into(),
            body: written.body,
        };
        assert!(content.into_message("fanfare.events").is_ok());
    }

    #[test]
    fn an_event_that_no_message_carries_does_not_get_in() {
        let event = Event::builder("user.left", "/a")
            .extension("traceparent", "0".repeat(20_000))
            .build()
            .unwrap();
        assert!(!Written::of(&event).unwrap_err().is_transient());
    }
}
