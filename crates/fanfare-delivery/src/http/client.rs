//! An HTTP client with the limits that a destination needs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Request, RequestBuilder, Response, StatusCode, redirect};
use tokio::time::Instant;

use super::answer::Answer;
use super::credentials::Credentials;
use super::error::CallError;
use super::guard::{AddressGuard, Networks};
use super::rate_headers::RateHeaders;
use super::resolver::Resolver;
use crate::policy::RateHint;

/// Makes single calls: no retries, no redirects, no proxy from the environment.
///
/// Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    user_agent: String,
    limits: HttpLimits,
    resolver: Resolver,
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
#[error("the HTTP client cannot be set up")]
pub struct HttpClientError(#[from] reqwest::Error);

const ANSWER_BYTES: usize = 64 * 1024;

/// Below the idle limit of most servers and load balancers, so that a connection is
/// rarely closed under a call.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);

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
    /// A client that names itself `user_agent`.
    pub fn new(user_agent: &str, limits: HttpLimits) -> Result<Self, HttpClientError> {
        Self::resolving(Resolver::of_the_system(), user_agent.to_owned(), limits)
    }

    /// The same client behind the address guard, for URLs that come from others: it calls
    /// public addresses and those in `allowed`, and nothing else.
    pub fn guarded(&self, allowed: Networks) -> Result<Self, HttpClientError> {
        let resolver = self.resolver.guarded_by(AddressGuard::new(allowed));
        let client = Self::resolving(resolver, self.user_agent.clone(), self.limits.clone())?;
        Ok(Self {
            credentials: self.credentials.clone(),
            rate_headers: self.rate_headers,
            ..client
        })
    }

    pub(crate) fn resolving(
        resolver: Resolver,
        user_agent: String,
        limits: HttpLimits,
    ) -> Result<Self, HttpClientError> {
        fanfare_process::install_crypto_provider();
        let client = Client::builder()
            .user_agent(&user_agent)
            .connect_timeout(limits.connect)
            .timeout(limits.whole_call)
            .pool_idle_timeout(IDLE_CONNECTION)
            .tcp_nodelay(true)
            // A redirect could lead an event, and its credentials, anywhere.
            .redirect(redirect::Policy::none())
            // A proxy would resolve names by itself, past the guard.
            .no_proxy()
            .dns_resolver(resolver.clone())
            .build()?;
        Ok(Self {
            client,
            user_agent,
            limits,
            resolver,
            credentials: Credentials::none(),
            rate_headers: None,
            rate_hint: Arc::default(),
        })
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

    /// What the last answer said about the calls that are left, once.
    ///
    /// Asked right after a call by whoever awaited it, so on one thread it is that call's.
    pub(crate) fn take_rate_hint(&self) -> Option<RateHint> {
        self.rate_hint.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The same client, reading so much of an answer at most.
    #[must_use]
    pub fn with_answer_limit(mut self, bytes: usize) -> Self {
        self.limits.answer_bytes = bytes;
        self
    }

    /// A POST to `url`, to be furnished and then given to [`Self::call`].
    pub fn post(&self, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.client.post(url)
    }

    /// A request of any method, to be furnished and then given to [`Self::call`].
    pub fn request(&self, method: reqwest::Method, url: impl reqwest::IntoUrl) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Makes one call and reads the answer, as far as the limits go.
    ///
    /// The client's credentials are put into it, wherever it goes. After a 401 they are
    /// looked at again, and if others are found by now the call is repeated, once and within
    /// the time of one. That is no second write: 401 says that the first was not carried out.
    pub async fn call(&self, request: RequestBuilder) -> Result<Answer, CallError> {
        let deadline = Instant::now() + self.limits.whole_call;
        let mut request = request.build()?;
        let Some(presented) = self.credentials.presented() else {
            return self.send(request).await;
        };
        presented.put_into(&mut request);
        let repetition = if self.credentials.may_change() { request.try_clone() } else { None };
        let answer = self.send(request).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let other = self.credentials.instead_of(&presented);
        let left = deadline.saturating_duration_since(Instant::now());
        match (repetition, other) {
            (Some(mut repetition), Some(other)) if !left.is_zero() => {
                other.put_into(&mut repetition);
                *repetition.timeout_mut() = Some(left);
                self.send(repetition).await
            }
            // A body that streams cannot be repeated; the next attempt has the others.
            (_, _) => Ok(answer),
        }
    }

    async fn send(&self, request: Request) -> Result<Answer, CallError> {
        if let Some(guard) = self.resolver.guard() {
            // The resolver never hears of a host that is an address.
            guard.admit(request.url())?;
        }
        // Our own client, so that no request of another one gets past the guard.
        let response = self.client.execute(request).await?;
        self.read(response).await
    }

    pub(crate) fn resolver(&self) -> Resolver {
        self.resolver.clone()
    }

    async fn read(&self, mut response: Response) -> Result<Answer, CallError> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        if let Some(hint) = self.rate_headers.and_then(|names| names.read(&headers)) {
            *self.rate_hint.lock().unwrap_or_else(PoisonError::into_inner) = Some(hint);
        }
        // The server said that this connection is not for us (421): an answer that is
        // not read to its end closes it, and the next attempt opens another.
        let (body, truncated) = if status == StatusCode::MISDIRECTED_REQUEST {
            (Bytes::new(), true)
        } else {
            start_of_body(&mut response, self.limits.answer_bytes).await
        };
        let retry_after_cap = self.limits.retry_after_cap;
        Ok(Answer { status, headers, body, truncated, retry_after_cap })
    }
}

/// The body as far as `limit` goes, and whether there was more.
///
/// An error is no more than an early end: the status came, and with it the API's
/// decision. A success without its whole body is a success still.
async fn start_of_body(response: &mut Response, limit: usize) -> (Bytes, bool) {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                body.extend_from_slice(&chunk[..limit - body.len()]);
                return (body.freeze(), true);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return (body.freeze(), false),
            Err(_) => return (body.freeze(), true),
        }
    }
}
