//! An HTTP client with the limits that a destination needs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use tokio::time::Instant;

use super::answer::Answer;
use super::connections::Connections;
use super::credentials::Credentials;
use super::error::CallError;
use super::guard::{AddressGuard, Networks};
use super::rate_headers::RateHeaders;
use super::resolver::Resolver;
use super::tls::{Tls, TlsFiles};
use crate::policy::RateHint;

/// Makes single calls: no retries, no redirects, no proxy from the environment.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    connections: Connections,
    /// To where access tokens come from, which is the operator's choice and needs no guard.
    to_token_endpoint: Connections,
    credentials: Credentials,
    rate_headers: Option<RateHeaders>,
    /// What the last answer said about the calls that are left.
    rate_hint: Arc<Mutex<Option<RateHint>>>,
}

/// What one call may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Name resolution, TCP and TLS together. Nothing was sent by then.
    pub connect: Duration,
    /// The whole call, to the end of the answer.
    pub whole_call: Duration,
    /// The longest `Retry-After` that is honoured in full.
    pub retry_after_cap: Duration,
    /// How much of an answer is read, in bytes.
    pub answer_bytes: usize,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// Its certificates, or the system's, cannot be used.
    #[error("the HTTP client has no certificates that it could use: {0}")]
    Certificates(String),
    /// Anything else.
    #[error("the HTTP client cannot be set up")]
    Client(#[from] reqwest::Error),
}

const ANSWER_BYTES: usize = 64 * 1024;

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole_call: Duration::from_secs(30),
            retry_after_cap: Duration::from_secs(24 * 60 * 60),
            answer_bytes: ANSWER_BYTES,
        }
    }
}

impl HttpClient {
    /// A client that names itself `user_agent` and trusts whom the system trusts.
    pub fn new(user_agent: &str, limits: HttpLimits) -> Result<Self, HttpClientError> {
        Self::secured(user_agent, limits, TlsFiles::default())
    }

    /// A client with these certificates, at the API as at the endpoint of access tokens.
    ///
    /// Where that endpoint asks for a client certificate, it is shown the same, so that tokens
    /// may be bound to it (RFC 8705).
    pub fn secured(
        user_agent: &str,
        limits: HttpLimits,
        files: TlsFiles,
    ) -> Result<Self, HttpClientError> {
        Self::resolving(Resolver::of_the_system(), user_agent.to_owned(), limits, files)
    }

    pub(crate) fn resolving(
        resolver: Resolver,
        user_agent: String,
        limits: HttpLimits,
        files: TlsFiles,
    ) -> Result<Self, HttpClientError> {
        let tls = Tls::new(files).map_err(HttpClientError::Certificates)?;
        let connections = Connections::new(Arc::new(tls), resolver, user_agent, limits)?;
        Ok(Self {
            to_token_endpoint: connections.clone(),
            connections,
            credentials: Credentials::none(),
            rate_headers: None,
            rate_hint: Arc::default(),
        })
    }

    /// The same client behind the address guard, for URLs that come from others: it calls
    /// public addresses and those in `allowed`, and nothing else.
    pub fn guarded(&self, allowed: Networks) -> Result<Self, HttpClientError> {
        let connections = self.connections.guarded_by(AddressGuard::new(allowed))?;
        Ok(Self { connections, rate_hint: Arc::default(), ..self.clone() })
    }

    /// A client over the same connections that authenticates every call with `credentials`.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials, ..self }
    }

    /// A client over the same connections that reads these headers, so that the engine calls
    /// no more often than the API says that it may.
    #[must_use]
    pub fn with_rate_headers(self, headers: RateHeaders) -> Self {
        Self { rate_headers: Some(headers), ..self }
    }

    /// The same client, reading so much of an answer at most.
    #[must_use]
    pub fn with_answer_limit(self, bytes: usize) -> Self {
        Self { connections: self.connections.reading(bytes), ..self }
    }

    /// What the last answer said about the calls that are left, once.
    ///
    /// Asked right after a call by whoever awaited it, so on one thread it is that call's.
    pub(crate) fn take_rate_hint(&self) -> Option<RateHint> {
        self.rate_hint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(crate) fn resolver(&self) -> Resolver {
        self.connections.resolver()
    }

    /// A POST to `url`, to be furnished and then given to [`Self::call`].
    pub fn post(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// A request of any method, to be furnished and then given to [`Self::call`].
    pub fn request(&self, method: Method, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.connections.request(method, url)
    }

    /// Makes one call and reads the answer, as far as the limits go.
    ///
    /// The client's credentials are put into it, wherever it goes. After a 401 they are
    /// looked at again, and if others are found by now the call is repeated, once and within
    /// the time of one. That is no second write: 401 says that the first was not carried out.
    pub async fn call(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let answer = self.authenticated(request).await?;
        if let Some(hint) = self.rate_headers.and_then(|names| names.read(&answer.headers)) {
            *self.rate_hint.lock().unwrap_or_else(PoisonError::into_inner) = Some(hint);
        }
        Ok(answer)
    }

    async fn authenticated(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let whole_call = self.connections.whole_call();
        let end = Instant::now() + whole_call;
        // A call with too little time left would be one whose end nobody sees.
        let latest_start = end - whole_call / 2;

        let mut request = request.build()?;
        let presented = self.credentials.presented(&self.to_token_endpoint, latest_start).await?;
        let Some(presented) = presented else { return self.connections.exchange(request).await };
        presented.put_into(&mut request, end);
        let repetition = if self.credentials.may_change() { request.try_clone() } else { None };
        let answer = self.connections.exchange(request).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }

        let connections = &self.to_token_endpoint;
        let other = self.credentials.instead_of(&presented, connections, latest_start).await;
        match (repetition, other) {
            (Some(mut repetition), Some(other)) if Instant::now() <= latest_start => {
                other.put_into(&mut repetition, end);
                self.connections.exchange(repetition).await
            }
            // A body that streams cannot be repeated; the next attempt has the others.
            (_, _) => Ok(answer),
        }
    }
}
