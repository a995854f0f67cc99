//! What the log tells: requests, tallies and totals.

use std::collections::BTreeMap;

use serde::Serialize;

/// One request, from its arrival on; what is not known yet is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RequestRecord {
    /// Counted from 1 for the lifetime of the mock.
    pub seq: u64,
    /// Milliseconds since the Unix epoch, to the microsecond, by a clock that never steps: never
    /// less than that of the request before.
    pub arrived_ms: f64,
    /// When the answer was ready, or the request was given up; absent while it is in flight.
    pub ended_ms: Option<f64>,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Idempotency keys found: one per input of a batch.
    pub keys: Vec<String>,
    /// Event ids found.
    pub event_ids: Vec<String>,
    /// The headers that sign it, where it is a webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookHeaders>,
    /// [`body_hash`] of the body, once it was read.
    pub body_hash: Option<String>,
    /// The fault that was injected.
    pub fault: Option<&'static str>,
    /// The status that was answered; absent when no answer was given.
    pub status: Option<u16>,
    /// How long the answer asked the caller to wait: an injected `Retry-After` that is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_to_wait_ms: Option<f64>,
    /// Items of this request that the API accepted.
    pub accepted: u32,
    /// Items whose acceptance changed something.
    pub effects: u32,
    /// Requests in flight when this one arrived, itself included.
    pub in_flight: u32,
}

/// What Standard Webhooks puts into headers, for whoever has the secret to verify.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WebhookHeaders {
    /// `webhook-id`
    pub id: String,
    /// `webhook-timestamp`
    pub timestamp: String,
    /// `webhook-signature`
    pub signature: String,
}

/// A part of the log.
#[derive(Clone, Debug, Serialize)]
pub struct LogPage {
    /// Requests that are no longer in the log.
    pub dropped: u64,
    /// In order of arrival.
    pub requests: Vec<RequestRecord>,
}

/// How often one idempotency key was accepted, and how often that changed something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyTally {
    /// Answered as done.
    pub accepted: u32,
    /// Done with a visible change: a mail sent, a contact created or altered.
    pub effects: u32,
}

/// What the API has done since the log was last cleared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// Requests that arrived.
    pub requests: u64,
    /// Items accepted, with and without a key.
    pub accepted: u64,
    /// Items whose acceptance changed something.
    pub effects: u64,
    /// Acceptances whose key is not listed, because the list is full.
    pub untallied: u64,
    /// Per idempotency key.
    pub keys: BTreeMap<String, KeyTally>,
}

/// 64-bit FNV-1a of a body, as 16 hexadecimal digits: stable over processes and versions.
pub fn body_hash(body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}")
}
