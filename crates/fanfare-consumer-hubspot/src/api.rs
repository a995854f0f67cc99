//! HubSpot's batches of contacts as JSON, one input or a hundred.
//!
//! HubSpot asks clients to treat every member of an answer as optional.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::change::{Properties, is_same};

/// One contact to be written.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input<'a> {
    id: &'a str,
    id_property: &'static str,
    object_write_trace_id: &'a str,
    properties: &'a Properties,
}

/// What a batch did: some of the inputs may have been refused (207).
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct BatchAnswer {
    #[serde(default)]
    pub(crate) results: Vec<Record>,
    #[serde(default)]
    pub(crate) errors: Vec<ApiError>,
}

/// A contact that HubSpot has.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    #[serde(default, rename = "properties", deserialize_with = "email_among")]
    pub(crate) email: Option<String>,
    #[serde(default, rename = "objectWriteTraceId")]
    pub(crate) trace_id: Option<String>,
}

/// Why HubSpot refused a request or one input of a batch.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiError {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Which of the account's rate limits was exceeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy_name: Option<String>,
    /// The rest is only shown.
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

#[derive(Serialize)]
struct Batch<T> {
    inputs: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadBatch<'a> {
    id_property: &'static str,
    properties: &'static [&'static str],
    inputs: Vec<Id<'a>>,
}

#[derive(Serialize)]
struct Id<'a> {
    id: &'a str,
}

impl<'a> Input<'a> {
    /// `properties` for the contact with this email, which is created if there is none.
    ///
    /// With a trace id for each input, HubSpot carries out the good inputs of a batch and
    /// names the bad ones; without, one bad input fails all.
    pub(crate) fn new(email: &'a str, trace_id: &'a str, properties: &'a Properties) -> Self {
        Self { id: email, id_property: "email", object_write_trace_id: trace_id, properties }
    }

    pub(crate) fn trace_id(&self) -> &str {
        self.object_write_trace_id
    }

    /// The contact's email when the input has been written.
    pub(crate) fn email(&self) -> &str {
        &self.properties.email
    }
}

/// The body of a batch upsert.
pub(crate) fn upsert(inputs: &[Input<'_>]) -> Vec<u8> {
    json(&Batch { inputs })
}

/// The body of a batch read by email.
pub(crate) fn read(emails: &[&str]) -> Vec<u8> {
    let inputs = ids(emails.iter().copied());
    json(&ReadBatch { id_property: "email", properties: &["email"], inputs })
}

/// The body of a batch archive, which takes record ids and nothing else.
pub(crate) fn archive(records: &[Record]) -> Vec<u8> {
    json(&Batch { inputs: ids(records.iter().map(|record| record.id.as_str())) })
}

fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<Id<'a>> {
    ids.map(|id| Id { id }).collect()
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings and JSON values are always JSON")
}

impl Record {
    pub(crate) fn has_email(&self, email: &str) -> bool {
        self.email.as_deref().is_some_and(|own| is_same(own, email))
    }
}

impl ApiError {
    /// The error that the body of an answer holds; empty when it holds none.
    pub(crate) fn of(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// The inputs that the error is about, where it says so.
    ///
    /// Members of a context are lists of strings; a lone string is understood too.
    pub(crate) fn trace_ids(&self) -> Vec<&str> {
        let context = self.others.get("context");
        match context.and_then(|context| context.get("objectWriteTraceId")) {
            Some(Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
            Some(id) => id.as_str().into_iter().collect(),
            None => Vec::new(),
        }
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        json(self)
    }
}

fn email_among<'de, D: Deserializer<'de>>(properties: D) -> Result<Option<String>, D::Error> {
    let properties = Value::deserialize(properties)?;
    Ok(properties.get("email").and_then(Value::as_str).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_read_whatever_is_missing_from_it() {
        let record: Record = serde_json::from_value(json!({ "id": "1" })).unwrap();
        assert!(!record.has_email("ada@example.com"));
        let odd = json!({ "id": "1", "properties": { "email": null, "x": 7 }, "new": true });
        assert_eq!(serde_json::from_value::<Record>(odd).unwrap().email, None);
        for body in ["", "<html>", "[]", "null", r#"{"category":7}"#] {
            assert_eq!(ApiError::of(body.as_bytes()).category, None, "{body:?}");
        }
    }
}
