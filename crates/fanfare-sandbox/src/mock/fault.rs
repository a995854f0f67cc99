//! One thing that goes wrong with one request.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::control::ControlError;
use super::retry_after::RetryAfter;

/// What happens to a request. Empty, or with a 2xx status, it passes through to the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Answered with the vendor's own body for it, without carrying the request out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `Retry-After`: sent as it is, or a date `imf:+3s`, `rfc850:+3s`, `asctime:+3s` from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// Further headers of that answer, such as `location`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// That answer has this body in place of the vendor's, such as another error of its.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// That answer has so many bytes of filler instead of a body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// Waited before anything else, besides the control's own latency.
    #[serde(skip_serializing_if = "is_zero")]
    pub latency_ms: u64,
    /// No answer, and the connection stays open until the mock is healed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hang: Option<Moment>,
    /// No answer, and a TCP reset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset: Option<Moment>,
    /// Carried out, but the answer ends in its middle.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncate: bool,
}

/// How far a request gets before a hang or a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// It is not carried out, and not read unless a rule looked at its body.
    BeforeRead,
    /// It is carried out; only its answer is missing.
    AfterRead,
}

impl Fault {
    /// Nothing goes wrong.
    pub fn pass() -> Self {
        Self::default()
    }

    /// The vendor's answer with this status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// No answer, the connection stays open.
    pub fn hang(moment: Moment) -> Self {
        Self { hang: Some(moment), ..Self::default() }
    }

    /// No answer, a TCP reset.
    pub fn reset(moment: Moment) -> Self {
        Self { reset: Some(moment), ..Self::default() }
    }

    /// Half an answer.
    pub fn truncate() -> Self {
        Self { truncate: true, ..Self::default() }
    }

    /// A late answer.
    pub fn slow(latency_ms: u64) -> Self {
        Self { latency_ms, ..Self::default() }
    }

    /// Adds `Retry-After`, in the notation of the field.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Replaces the body of the answer.
    #[must_use]
    pub fn body(mut self, text: impl Into<String>) -> Self {
        self.body = Some(text.into());
        self
    }

    /// Replaces the body of the answer by filler.
    #[must_use]
    pub fn body_bytes(mut self, bytes: u64) -> Self {
        self.body_bytes = Some(bytes);
        self
    }

    /// How long a refusal asks the caller to wait.
    pub(crate) fn asks_to_wait(&self) -> Option<Duration> {
        self.refusal()?;
        RetryAfter::parse(self.retry_after.as_deref()?)?.wait()
    }

    /// The status to answer, unless the request passes through.
    pub(crate) fn refusal(&self) -> Option<u16> {
        self.status.filter(|status| !(200..300).contains(status))
    }

    pub(crate) fn stops_before_read(&self) -> bool {
        self.hang == Some(Moment::BeforeRead) || self.reset == Some(Moment::BeforeRead)
    }

    /// Its name in the log; `None` when nothing goes wrong.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match (self.hang, self.reset) {
            (Some(Moment::BeforeRead), _) => Some("hang before_read"),
            (Some(Moment::AfterRead), _) => Some("hang after_read"),
            (None, Some(Moment::BeforeRead)) => Some("reset before_read"),
            (None, Some(Moment::AfterRead)) => Some("reset after_read"),
            (None, None) if self.truncate => Some("truncate"),
            (None, None) if self.refusal().is_some() => Some("status"),
            (None, None) if self.body.is_some() || self.body_bytes.is_some() => Some("body"),
            (None, None) if self.latency_ms > 0 => Some("latency"),
            (None, None) => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ControlError> {
        if let Some(status) = self.status.filter(|status| !(200..600).contains(status)) {
            return Err(ControlError::Status(status));
        }
        if let Some(value) = &self.retry_after {
            RetryAfter::parse(value).ok_or_else(|| ControlError::RetryAfter(value.clone()))?;
        }
        for (name, value) in &self.headers {
            let fits = name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
            if !fits {
                return Err(ControlError::Header(name.clone()));
            }
        }
        let endings = [self.hang.is_some(), self.reset.is_some(), self.truncate];
        if endings.iter().filter(|ending| **ending).count() > 1 {
            return Err(ControlError::Endings);
        }
        if endings[..2].contains(&true) && self.refusal().is_some() {
            return Err(ControlError::Endings);
        }
        let bodies = [self.body.is_some(), self.body_bytes.is_some(), self.truncate];
        if bodies.iter().filter(|body| **body).count() > 1 {
            return Err(ControlError::Bodies);
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}
