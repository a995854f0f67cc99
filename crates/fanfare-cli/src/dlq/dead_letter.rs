//! A dead letter as operators see it.

use fanfare_broker::{Cause, Received};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;

use super::decoded::event_of;
use crate::when;

/// What is known about a dead letter; its JSON form is an interface, order included.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter {
    /// The event's id; `None` when a foreign producer gave none.
    pub id: Option<String>,
    /// The event's type.
    #[serde(rename = "type")]
    pub event_type: Option<String>,
    /// Where the event comes from.
    pub source: Option<String>,
    /// The destination that gave it up.
    pub destination: String,
    /// Why, from the closed set.
    #[serde(serialize_with = "cause")]
    pub cause: Option<Cause>,
    /// The HTTP status that it was given up with.
    pub status: Option<u16>,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// The start of the destination's last answer, masked.
    pub response: Option<String>,
    /// Attempts that were made.
    pub attempts: u32,
    /// When the first of them was made.
    #[serde(serialize_with = "rfc3339")]
    pub first_attempt_at: Option<OffsetDateTime>,
    /// When it was given up; `None` when the broker itself did it.
    #[serde(serialize_with = "rfc3339")]
    pub dead_at: Option<OffsetDateTime>,
    /// The process and version that gave it up.
    pub consumer: Option<String>,
    /// The replay that brought it back before.
    pub replay: Option<String>,
}

impl DeadLetter {
    /// Reads what `message`, found among the dead letters of `destination`, says.
    ///
    /// What the event says counts more than the message's properties, which a foreign
    /// producer may have left out; a body that is no event leaves the properties.
    pub fn read(message: &Received, destination: &str) -> Self {
        let event = event_of(message);
        let own = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let event_id = || event.as_ref().map(|event| event.id().as_str().to_owned());
        Self {
            id: own(Some(message.id())).or_else(event_id),
            event_type: match &event {
                Some(event) => Some(event.event_type().to_owned()),
                None => own(message.kind()),
            },
            source: match &event {
                Some(event) => Some(event.source().to_owned()),
                None => own(message.app_id()),
            },
            destination: message.destination().unwrap_or(destination).to_owned(),
            cause: message.cause(),
            status: message.status(),
            reason: own(message.reason()),
            response: own(message.response()),
            attempts: message.attempts(),
            first_attempt_at: message.first_attempt_at_ms().and_then(when::from_epoch_ms),
            dead_at: message.dead_at_ms().and_then(when::from_epoch_ms),
            consumer: own(message.consumer()),
            replay: own(message.replay()),
        }
    }

    /// Its id, or what stands for it where there is none.
    pub fn shown_id(&self) -> &str {
        self.id.as_deref().unwrap_or("(no id)")
    }
}

fn cause<S: Serializer>(cause: &Option<Cause>, serializer: S) -> Result<S::Ok, S::Error> {
    cause.map(Cause::as_str).serialize(serializer)
}

fn rfc3339<S: Serializer>(at: &Option<OffsetDateTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(when::rfc3339).serialize(serializer)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A dead letter with every member, to vary in tests.
    pub(in crate::dlq) fn sample() -> DeadLetter {
        DeadLetter {
            id: Some("e-1".into()),
            event_type: Some("user.registered".into()),
            source: Some("/signup".into()),
            destination: "hubspot".into(),
            cause: Some(Cause::Rejected),
            status: Some(422),
            reason: Some("hubspot refused the property `emial`".into()),
            response: Some("{}".into()),
            attempts: 3,
            first_attempt_at: when::from_epoch_ms(1_000),
            dead_at: when::from_epoch_ms(61_500),
            consumer: Some("fanfare-consumer-hubspot 0.1.0".into()),
            replay: None,
        }
    }

    #[test]
    fn the_members_and_their_order_are_an_interface() {
        assert_eq!(
            serde_json::to_string(&sample()).unwrap(),
            "{\"id\":\"e-1\",\"type\":\"user.registered\",\"source\":\"/signup\",\
             \"destination\":\"hubspot\",\"cause\":\"rejected\",\"status\":422,\
             \"reason\":\"hubspot refused the property `emial`\",\"response\":\"{}\",\
             \"attempts\":3,\"first_attempt_at\":\"1970-01-01T00:00:01Z\",\
             \"dead_at\":\"1970-01-01T00:01:01.5Z\",\
             \"consumer\":\"fanfare-consumer-hubspot 0.1.0\",\"replay\":null}"
        );
    }
}
