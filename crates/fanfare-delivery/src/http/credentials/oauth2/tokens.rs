//! The current access token, and the one request for the next that all callers wait for.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, timeout_at};
use tracing::{debug, warn};

use super::OAuth2Client;
use super::exchange::Exchange;
use super::token::Token;
use crate::http::connections::Connections;
use crate::http::credentials::Presented;
use crate::http::error::CallError;
use crate::outcome::Trouble;

/// The tokens of one client.
///
/// A token is renewed while it is alive, in the background, so that no call waits. Where
/// there is none, one request is made, whoever and however many wait for it; it goes on
/// when they give up.
pub(in crate::http::credentials) struct Tokens {
    exchange: Arc<Exchange>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    token: Option<Token>,
    coming: Option<Coming>,
    failure: Option<Failure>,
}

type Coming = Shared<BoxFuture<'static, Result<Token, CallError>>>;

/// The last request, if it brought no token.
struct Failure {
    error: CallError,
    at: Instant,
}

/// A failure answers the calls that come right behind it too.
const FAILURE_LASTS: Duration = Duration::from_secs(1);
/// Pause between requests while the present token is alive.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

impl Tokens {
    pub(in crate::http::credentials) fn new(client: OAuth2Client) -> Result<Self, String> {
        Ok(Self { exchange: Arc::new(Exchange::new(client)?), state: Arc::default() })
    }

    /// A token that is alive.
    pub(in crate::http::credentials) async fn current(
        &self,
        connections: &Connections,
        deadline: Instant,
    ) -> Result<Presented, CallError> {
        let coming = {
            let mut state = self.state();
            let now = Instant::now();
            if let Some(token) = state.token.clone().filter(|token| token.is_alive(now)) {
                if token.wants_renewal(now) && state.may_ask(now, RENEWAL_PAUSE) {
                    // It goes on without anybody who waits.
                    drop(self.ask(&mut state, connections));
                }
                return Ok(token.presented);
            }
            self.next(&mut state, connections, now)?
        };
        awaited(coming, deadline).await
    }

    /// Another token than `refused`, unless the endpoint insists on that one.
    pub(in crate::http::credentials) async fn instead_of(
        &self,
        refused: &Presented,
        connections: &Connections,
        deadline: Instant,
    ) -> Result<Presented, CallError> {
        let coming = {
            let mut state = self.state();
            match &state.token {
                // Another call was refused before, and the token has been replaced by now.
                Some(token) if token.presented.value != refused.value => {
                    return Ok(token.presented.clone());
                }
                Some(_) | None => state.token = None,
            }
            self.next(&mut state, connections, Instant::now())?
        };
        awaited(coming, deadline).await
    }

    fn next(
        &self,
        state: &mut State,
        connections: &Connections,
        now: Instant,
    ) -> Result<Coming, CallError> {
        if !state.may_ask(now, FAILURE_LASTS)
            && let Some(failure) = &state.failure
        {
            return Err(failure.error_at(now));
        }
        Ok(self.ask(state, connections))
    }

    /// Joins the request that is under way, or makes one.
    fn ask(&self, state: &mut State, connections: &Connections) -> Coming {
        // One that ended is there only if it died before it could take itself away.
        if let Some(coming) = state.coming.as_ref().filter(|coming| coming.peek().is_none()) {
            return coming.clone();
        }
        let request = request(Arc::clone(&self.exchange), connections.clone(), &self.state);
        let task = tokio::spawn(request);
        let coming = task.map(|ended| ended.unwrap_or_else(|_| Err(died()))).boxed().shared();
        state.coming = Some(coming.clone());
        coming
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

impl State {
    /// Whether the last failure is so long ago that another request makes sense, and the
    /// endpoint did not ask for a longer pause.
    fn may_ask(&self, now: Instant, pause: Duration) -> bool {
        self.failure.as_ref().is_none_or(|failure| now >= failure.at + failure.pause().max(pause))
    }

    fn end(&mut self, result: &Result<Token, CallError>) {
        self.coming = None;
        match result {
            Ok(token) => {
                debug!("There is a new access token");
                self.token = Some(token.clone());
                self.failure = None;
            }
            Err(error) => {
                if self.token.is_some() {
                    warn!(%error, "The access token could not be renewed, the present one is used");
                }
                self.failure = Some(Failure { error: error.clone(), at: Instant::now() });
            }
        }
    }
}

impl Failure {
    fn pause(&self) -> Duration {
        match &self.error {
            CallError::NoToken { pause: Some(pause), .. } => *pause,
            _ => Duration::ZERO,
        }
    }

    /// The error, with what is left of the pause that the endpoint asked for.
    fn error_at(&self, now: Instant) -> CallError {
        let mut error = self.error.clone();
        if let CallError::NoToken { pause: Some(pause), .. } = &mut error {
            *pause = (self.at + *pause).saturating_duration_since(now);
        }
        error
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

fn request(
    exchange: Arc<Exchange>,
    connections: Connections,
    state: &Arc<Mutex<State>>,
) -> impl Future<Output = Result<Token, CallError>> + Send + 'static {
    let state = Arc::clone(state);
    async move {
        let result = exchange.token(&connections).await;
        locked(&state).end(&result);
        result
    }
}

async fn awaited(coming: Coming, deadline: Instant) -> Result<Presented, CallError> {
    match timeout_at(deadline, coming).await {
        Ok(result) => result.map(|token| token.presented),
        Err(_) => Err(unreachable("the token endpoint takes too long")),
    }
}

fn died() -> CallError {
    unreachable("the request for it ended early")
}

fn unreachable(why: &str) -> CallError {
    CallError::NoToken { why: why.to_owned(), trouble: Trouble::Unreachable, pause: None }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
