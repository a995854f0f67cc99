//! The connections under a client, and one exchange over them.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, Request, RequestBuilder, Response, StatusCode, redirect};

use super::answer::Answer;
use super::client::{HttpClientError, HttpLimits};
use super::error::CallError;
use super::guard::AddressGuard;
use super::resolver::Resolver;

/// Connections to APIs. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    client: Client,
    resolver: Resolver,
    user_agent: String,
    limits: HttpLimits,
}

/// Below the idle limit of most servers and load balancers, so that a connection is
/// rarely closed under a call.
const IDLE_CONNECTION: Duration = Duration::from_secs(50);

impl Connections {
    pub(super) fn new(
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
        Ok(Self { client, resolver, user_agent, limits })
    }

    /// Connections of the same kind, to addresses that `guard` lets through.
    pub(super) fn guarded_by(&self, guard: AddressGuard) -> Result<Self, HttpClientError> {
        let resolver = self.resolver.guarded_by(guard);
        Self::new(resolver, self.user_agent.clone(), self.limits.clone())
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
        self.client.request(method, url)
    }

    /// Sends the request as it is, and reads the answer as far as the limits go.
    pub(super) async fn exchange(&self, request: Request) -> Result<Answer, CallError> {
        if let Some(guard) = self.resolver.guard() {
            // The resolver never hears of a host that is an address.
            guard.admit(request.url())?;
        }
        // Our own client, so that no request of another one gets past the guard.
        let response = self.client.execute(request).await?;
        Ok(self.read(response).await)
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
