//! A registration as SendGrid's `mail/send` takes it: the mapping, without any I/O.

use fanfare_events::{Event, EventData, IdempotencyKey, PayloadError, UserRegistered};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::settings::MailStyle;
use crate::welcome;

/// One mail to one person.
#[derive(Debug, Serialize)]
pub(crate) struct Mail<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Sender<'a>,
    #[serde(flatten)]
    text: Text<'a>,
    custom_args: CustomArgs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mail_settings: Option<MailSettings>,
}

#[derive(Debug, Serialize)]
struct Personalization<'a> {
    to: [Recipient; 1],
    /// The event's data as they came in, members that we do not know included.
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_template_data: Option<&'a RawValue>,
}

/// Without a name: whoever registers chooses it, and an inbox would show it.
#[derive(Debug, Serialize)]
struct Recipient {
    email: String,
}

#[derive(Debug, Serialize)]
struct Sender<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Template { template_id: &'a str },
    Own { subject: String, content: [Content; 1] },
}

#[derive(Debug, Serialize)]
struct Content {
    r#type: &'static str,
    value: String,
}

/// SendGrid reports them with every event about the mail, and its activity search finds by them.
#[derive(Debug, Serialize)]
struct CustomArgs<'a> {
    event_id: &'a str,
    idempotency_key: IdempotencyKey,
}

#[derive(Debug, Serialize)]
struct MailSettings {
    sandbox_mode: Switch,
}

#[derive(Debug, Serialize)]
struct Switch {
    enable: bool,
}

impl<'a> Mail<'a> {
    /// The mail that welcomes who has registered.
    pub(crate) fn welcoming(
        event: &'a Event,
        key: IdempotencyKey,
        style: &'a MailStyle,
    ) -> Result<Self, PayloadError> {
        let user: UserRegistered = event.payload()?;
        let from_name = style.from_name.as_deref();
        let text = match &style.template_id {
            Some(template_id) => Text::Template { template_id },
            None => Text::Own {
                subject: welcome::subject(from_name),
                content: [Content {
                    r#type: "text/plain",
                    value: welcome::text(user.first_name.as_deref()),
                }],
            },
        };
        let data = style.template_id.as_ref().and_then(|_| json_of(event));
        Ok(Self {
            personalizations: [Personalization {
                to: [Recipient { email: user.email }],
                dynamic_template_data: data,
            }],
            from: Sender { email: &style.from_email, name: from_name },
            text,
            custom_args: CustomArgs { event_id: event.id().as_str(), idempotency_key: key },
            mail_settings: style
                .sandbox
                .then_some(MailSettings { sandbox_mode: Switch { enable: true } }),
        })
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("structs of strings and JSON are always JSON")
    }
}

fn json_of(event: &Event) -> Option<&RawValue> {
    match event.data()? {
        EventData::Json(raw) => Some(raw),
        EventData::Binary(bytes) => serde_json::from_slice(bytes).ok(),
    }
}

#[cfg(test)]
mod tests {
    use fanfare_events::DestinationName;
    use serde_json::{Value, json};

    use super::*;

    fn style() -> MailStyle {
        MailStyle {
            from_email: "hello@example.com".into(),
            from_name: None,
            template_id: None,
            sandbox: false,
        }
    }

    fn data() -> Value {
        json!({
            "user_id": "u-1", "email": "ada@example.org", "first_name": "Ada",
            "registered_at": "2026-01-02T03:04:05Z", "plan": { "name": "pro" },
        })
    }

    fn event(data: &Value) -> Event {
        Event::builder("user.registered", "/signup").data(data).build().unwrap()
    }

    fn mail(event: &Event, style: &MailStyle) -> Value {
        let destination: DestinationName = "sendgrid".parse().unwrap();
        let key = IdempotencyKey::of(event, &destination);
        let mail = Mail::welcoming(event, key, style).unwrap();
        let mut json: Value = serde_json::from_slice(&mail.to_json()).unwrap();
        let args = json.as_object_mut().unwrap().remove("custom_args");
        let (event_id, key) = (event.id().to_string(), key.to_string());
        assert_eq!(args, Some(json!({ "event_id": event_id, "idempotency_key": key })));
        json
    }

    #[test]
    fn without_a_template_it_is_a_plain_text_of_our_own() {
        let mail = mail(&event(&data()), &style());
        let text = mail["content"][0]["value"].as_str().unwrap();
        assert!(text.starts_with("Hello Ada,\n"), "{text}");
        let expected = json!({
            "personalizations": [{ "to": [{ "email": "ada@example.org" }] }],
            "from": { "email": "hello@example.com" },
            "subject": "Welcome",
            "content": [{ "type": "text/plain", "value": text }],
        });
        assert_eq!(mail, expected);
    }

    #[test]
    fn a_template_gets_all_data_of_the_event() {
        let style = MailStyle { template_id: Some("d-1".into()), ..style() };
        let mail = mail(&event(&data()), &style);
        let to = json!([{ "email": "ada@example.org" }]);
        let expected = json!({
            "personalizations": [{ "to": to, "dynamic_template_data": data() }],
            "from": { "email": "hello@example.com" },
            "template_id": "d-1",
        });
        assert_eq!(mail, expected);
    }

    #[test]
    fn data_that_came_as_bytes_fill_a_template_too() {
        let style = MailStyle { template_id: Some("d-1".into()), ..style() };
        let bytes = data().to_string().into_bytes();
        let event = Event::builder("user.registered", "/signup")
            .binary_data("application/json", bytes)
            .build()
            .unwrap();
        let mail = mail(&event, &style);
        assert_eq!(mail["personalizations"][0]["dynamic_template_data"], data());
    }

    #[test]
    fn the_sender_and_the_sandbox_are_as_set() {
        let style = MailStyle { from_name: Some("Example".into()), sandbox: true, ..style() };
        let mail = mail(&event(&data()), &style);
        assert_eq!(mail["from"], json!({ "email": "hello@example.com", "name": "Example" }));
        assert_eq!(mail["subject"], "Welcome to Example");
        assert_eq!(mail["mail_settings"], json!({ "sandbox_mode": { "enable": true } }));
    }

    #[test]
    fn an_address_that_tries_to_be_more_stays_one_address() {
        let mut data = data();
        let email = "ada@example.org\r\nBcc: bob@example.org\",\"cc\":[{";
        data["email"] = json!(email);
        let mail = mail(&event(&data), &style());
        assert_eq!(mail["personalizations"], json!([{ "to": [{ "email": email }] }]));
    }
}
