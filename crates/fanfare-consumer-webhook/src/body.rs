//! An event as the body of a webhook: the mapping, without any I/O.

use fanfare_events::{Event, EventData};
use reqwest::header::HeaderValue;
use serde::Serialize;
use serde_json::value::RawValue;

/// What the body of a webhook looks like. It is the same in every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// The whole CloudEvent, as JSON in structured mode.
    CloudEvents,
    /// `{"type", "timestamp", "data"}`, as Standard Webhooks recommends.
    Standard,
}

/// Why an event cannot become a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(
        "the event's data are not JSON, which WEBHOOK_BODY=standard cannot carry; \
         WEBHOOK_BODY=cloudevents can"
    )]
    NotJson,
}

#[derive(Serialize)]
struct Standard<'a> {
    r#type: &'a str,
    /// When it happened, not when it is delivered; absent where the event does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a str>,
    data: Option<&'a RawValue>,
}

impl BodyForm {
    /// The media type that the receiver is told.
    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::CloudEvents => Event::CONTENT_TYPE,
            Self::Standard => "application/json",
        })
    }

    /// The body, always UTF-8: receivers' libraries refuse what is not.
    pub(crate) fn of(self, event: &Event) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::CloudEvents => Ok(event.to_json()),
            Self::Standard => {
                let standard = Standard {
                    r#type: event.event_type(),
                    timestamp: event.time().map(|time| time.as_str()),
                    data: json_data(event)?,
                };
                Ok(serde_json::to_vec(&standard).expect("strings and JSON are always JSON"))
            }
        }
    }
}

/// The event's data as they came in, to the byte.
fn json_data(event: &Event) -> Result<Option<&RawValue>, BodyError> {
    match event.data() {
        None => Ok(None),
        Some(EventData::Json(raw)) => Ok(Some(raw)),
        // Text such as `1` would be JSON by accident.
        Some(EventData::Binary(bytes)) if says_json(event.datacontenttype()) => {
            serde_json::from_slice(bytes).map(Some).map_err(|_| BodyError::NotJson)
        }
        Some(EventData::Binary(_)) => Err(BodyError::NotJson),
    }
}

fn says_json(media_type: Option<&str>) -> bool {
    let essence = media_type.and_then(|text| text.split(';').next()).map(str::trim_end);
    essence.is_none_or(|essence| {
        let essence = essence.to_ascii_lowercase();
        essence.ends_with("/json") || essence.ends_with("+json")
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;

    /// An event with these further members.
    fn event(members: &str) -> Event {
        let json = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/signup","type":"user.registered"{members}}}"#
        );
        Event::from_json(json.as_bytes()).unwrap()
    }

    fn bytes_of(media_type: &str, bytes: &[u8]) -> Event {
        let encoded = STANDARD.encode(bytes);
        event(&format!(r#","datacontenttype":"{media_type}","data_base64":"{encoded}""#))
    }

    fn body(form: BodyForm, event: &Event) -> String {
        String::from_utf8(form.of(event).unwrap()).unwrap()
    }

    #[test]
    fn a_cloud_event_is_sent_as_it_is() {
        let event = event(r#","subject":"u-1","data":{ "name":"Zoë" }"#);
        assert_eq!(body(BodyForm::CloudEvents, &event).as_bytes(), event.to_json());
        assert_eq!(BodyForm::CloudEvents.content_type(), "application/cloudevents+json");
    }

    #[test]
    fn a_standard_body_says_what_happened_when_and_leaves_the_data_alone() {
        let event = event(r#","time":"2026-01-02T03:04:05Z","data":{ "b":1.50, "a":"ü" }"#);
        assert_eq!(
            body(BodyForm::Standard, &event),
            r#"{"type":"user.registered","timestamp":"2026-01-02T03:04:05Z","data":{ "b":1.50, "a":"ü" }}"#
        );
        assert_eq!(BodyForm::Standard.content_type(), "application/json");
    }

    #[test]
    fn an_event_without_time_and_data_has_a_body_too() {
        let body = body(BodyForm::Standard, &event(""));
        assert_eq!(body, r#"{"type":"user.registered","data":null}"#);
    }

    #[test]
    fn data_that_came_as_bytes_are_carried_where_they_say_that_they_are_json() {
        for media_type in ["application/json", "application/x+json; charset=utf-8", "TEXT/JSON"] {
            let body = body(BodyForm::Standard, &bytes_of(media_type, b"[1]"));
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["data"][0], 1, "{media_type}");
        }
        for (media_type, bytes) in [
            ("text/plain", &b"1"[..]),
            ("image/png", b"\x89PNG"),
            ("application/json", b"{"),
            ("application/json", b"\"\xff\""),
        ] {
            let event = bytes_of(media_type, bytes);
            let problem = BodyForm::Standard.of(&event).unwrap_err().to_string();
            assert!(problem.contains("WEBHOOK_BODY=cloudevents can"), "{problem}");
            assert!(body(BodyForm::CloudEvents, &event).contains("data_base64"));
        }
    }
}
