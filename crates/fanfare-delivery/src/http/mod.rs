//! Calling an HTTP API once, and reading its answer the way most APIs mean it.

mod access;
mod answer;
mod classify;
mod client;
mod error;
mod rate_headers;
mod retry_after;

pub use access::{read_base_url, read_bearer, url_under};
pub use answer::Answer;
pub use classify::outcome_of_status;
pub use client::{HttpClient, HttpClientError, HttpLimits};
pub use error::CallError;
pub use rate_headers::{RateHeaders, ResetForm};
pub use retry_after::{RetryAfter, parse_retry_after};

pub use crate::policy::RateHint;
