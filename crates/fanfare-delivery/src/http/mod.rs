//! Calling an HTTP API once, and reading its answer the way most APIs mean it.

mod access;
mod answer;
mod classify;
mod client;
mod connections;
mod credentials;
mod error;
mod guard;
mod rate_headers;
mod resolver;
mod retry_after;
mod rotating;
#[cfg(test)]
mod tests;
mod tls;
mod watched;

pub(crate) use access::is_loopback;
pub use access::{address_of, read_base_url, read_url, url_under};
pub use answer::Answer;
pub use classify::outcome_of_status;
pub use client::{HttpClient, HttpClientError, HttpLimits};
pub use credentials::{ClientAuth, Credentials, CredentialsError, OAuth2Client, read_credentials};
pub use error::CallError;
pub use guard::{Network, Networks};
pub use rate_headers::{RateHeaders, ResetForm};
pub(crate) use resolver::Resolver;
pub use retry_after::{RetryAfter, parse_retry_after};
pub use rotating::Rotating;
pub(crate) use tls::read_tls_files;
pub use tls::{IdentityFiles, TlsFiles};

pub use crate::policy::RateHint;
