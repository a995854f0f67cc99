//! The connections under a client, and one exchange over them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Request, RequestBuilder, Response, StatusCode, redirect};
use rustls::ClientConfig;
use tokio::time::Instant;
use tracing::error;

use super::answer::Answer;
use super::client::{HttpClientError, HttpLimits};
use super::error::CallError;
use super::guard::AddressGuard;
use super::resolver::Resolver;
use super::tls::Tls;

/// Connections to APIs. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: Arc<Mutex<Pool>>,
    tls: Arc<Tls>,
    resolver: Resolver,
    user_agent: String,
    limits: HttpLimits,
}

/// Open connections, and what they are secured with.
#[derive(Clone)]
struct Pool {
    client: Client,
    tls: Arc<ClientConfig>,
}

/// Below the idle limit of most servers and load balancers, so that a connection is
/// rarely closed under a call.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);

impl Connections {
    pub(super) fn new(
        tls: Arc<Tls>,
        resolver: Resolver,
        user_agent: String,
        limits: HttpLimits,
    ) -> Result<Self, HttpClientError> {
        let pool = Pool::open(tls.current(), &resolver, &user_agent, &limits)?;
        Ok(Self { pool: Arc::new(Mutex::new(pool)), tls, resolver, user_agent, limits })
    }

    /// Connections of the same kind, to addresses that `guard` lets through.
    pub(super) fn guarded_by(&self, guard: AddressGuard) -> Result<Self, HttpClientError> {
        let (tls, resolver) = (Arc::clone(&self.tls), self.resolver.guarded_by(guard));
        Self::new(tls, resolver, self.user_agent.clone(), self.limits.clone())
    }

    /// The same connections, with other limits for what is read.
    pub(super) fn reading(mut self, answer_bytes: usize) -> Self {
        self.limits.answer_bytes = answer_bytes;
        self
    }

    pub(super) fn resolver(&self) -> Resolver {
        self.resolver.clone()
    }

    pub(super) fn whole_call(&self) -> Duration {
        self.limits.whole_call
    }

    /// A request, to be furnished.
    pub(super) fn request(
        &self,
        method: reqwest::Method,
        url: impl reqwest::IntoUrl,
    ) -> RequestBuilder {
        self.pool(Tls::current).client.request(method, url)
    }

    /// Sends the request as it is, and reads the answer as far as the limits go.
    ///
    /// Where the handshake fails over certificates, nothing took effect; the files are looked
    /// at, and if they hold others by now the call is repeated, once and within the time of
    /// one.
    pub(super) async fn exchange(&self, request: Request) -> Result<Answer, CallError> {
        if let Some(guard) = self.resolver.guard() {
            // The resolver never hears of a host that is an address.
            guard.admit(request.url())?;
        }
        let whole_call = request.timeout().copied().unwrap_or(self.limits.whole_call);
        let end = Instant::now() + whole_call;
        let repetition = if self.tls.is_fixed() { None } else { request.try_clone() };
        let pool = self.pool(Tls::current);
        let result = self.exchange_over(&pool, request).await;
        let (Some(mut repetition), Err(CallError::Untrusted { .. } | CallError::Refused { .. })) =
            (repetition, &result)
        else {
            return result;
        };
        let other = self.pool(Tls::look_again);
        let left = end.saturating_duration_since(Instant::now());
        // A call with too little time left would be one whose end nobody sees.
        if Arc::ptr_eq(&other.tls, &pool.tls) || left < whole_call / 2 {
            return result;
        }
        *repetition.timeout_mut() = Some(left);
        self.exchange_over(&other, repetition).await
    }

    /// The connections that are secured as the files have it now. Those of before end with
    /// their calls.
    fn pool(&self, secured: impl FnOnce(&Tls) -> Arc<ClientConfig>) -> Pool {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        let tls = secured(&self.tls);
        if !Arc::ptr_eq(&pool.tls, &tls) {
            match Pool::open(tls, &self.resolver, &self.user_agent, &self.limits) {
                Ok(opened) => *pool = opened,
                Err(error) => error!(%error, "The connections cannot be opened anew"),
            }
        }
        pool.clone()
    }

    async fn exchange_over(&self, pool: &Pool, request: Request) -> Result<Answer, CallError> {
        // Our own client, so that no request of another one gets past the guard.
        let answer = self.read(pool.client.execute(request).await?).await;
        match answer.refusal_of_certificate() {
            Some(why) => Err(CallError::Refused { why: why.to_owned() }),
            None => Ok(answer),
        }
    }

    async fn read(&self, mut response: Response) -> Answer {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        // The server said that this connection is not for us (421): an answer that is
        // not read to its end closes it, and the next attempt opens another.
        let (body, truncated) = if status == StatusCode::MISDIRECTED_REQUEST {
            (Bytes::new(), true)
        } else {
            start_of_body(&mut response, self.limits.answer_bytes).await
        };
        let retry_after_cap = self.limits.retry_after_cap;
        Answer { status, headers, body, truncated, retry_after_cap }
    }
}

impl Pool {
    fn open(
        tls: Arc<ClientConfig>,
        resolver: &Resolver,
        user_agent: &str,
        limits: &HttpLimits,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&tls))
            .user_agent(user_agent)
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
        Ok(Self { client, tls })
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it is secured with holds a private key.
        f.debug_struct("Pool").field("client", &self.client).finish_non_exhaustive()
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
