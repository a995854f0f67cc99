//! The connection to a Redis: one for all who ask, and none while it is away.
//!
//! After a failure nobody waits for it again: questions fail at once until a task of
//! its own, once a second, has found it answering. So a Redis that is away costs a
//! delivery no time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use fanfare_process::telemetry::Chain;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, Script, ScriptInvocation};
use tokio::sync::watch;
use tokio::time::{error::Elapsed, sleep, timeout};
use tracing::{info, warn};

use super::RedisAddress;

/// A connection that is shared by cloning.
#[derive(Clone, Debug)]
pub(crate) struct RedisLink(Arc<Inner>);

/// The Redis did not answer, or not in time, or refused; or was not asked, because it
/// did that a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be reached")]
pub(crate) struct Away {
    what: &'static str,
}

struct Inner {
    client: Client,
    /// What is kept there, for the log: "the ledger".
    what: &'static str,
    /// What happens without it, for the log.
    without: &'static str,
    /// A key that only asking whether the Redis is well writes.
    probe: String,
    state: Mutex<State>,
    up: watch::Sender<bool>,
}

#[derive(Clone)]
enum State {
    Up { connection: MultiplexedConnection, number: u64 },
    Away { last: u64 },
}

/// Why the Redis counts as away.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Silence(#[from] Elapsed),
    #[error("redis")]
    Redis(#[from] RedisError),
}

/// How long an answer is waited for. It takes a millisecond or so.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);
const DIAL_EVERY: Duration = Duration::from_secs(1);
/// Writes, and by a script: a Redis that only answers PING would be no use.
const PROBE: &str = "return redis.call('SET', KEYS[1], '', 'PX', 1000)";

impl RedisLink {
    /// Dials once; if nobody answers, goes on dialling and is away until then.
    ///
    /// `what` is kept there, `without` it something happens: both for the log. `probe`
    /// is a key of the caller's that nothing else uses.
    pub(crate) async fn connect(
        address: &RedisAddress,
        what: &'static str,
        without: &'static str,
        probe: String,
    ) -> Result<Self, RedisError> {
        let inner = Inner {
            client: address.client()?,
            what,
            without,
            probe,
            state: Mutex::new(State::Away { last: 0 }),
            up: watch::Sender::new(false),
        };
        let inner = Arc::new(inner);
        match inner.dial().await {
            Ok(connection) => inner.set_up(connection),
            Err(trouble) => inner.lost(&trouble),
        }
        Ok(Self(inner))
    }

    /// Runs a script; every failure counts as being away.
    pub(crate) async fn ask<T: FromRedisValue>(
        &self,
        question: &ScriptInvocation<'_>,
    ) -> Result<T, Away> {
        let inner = &self.0;
        let (mut connection, number) = match &*inner.state() {
            State::Up { connection, number } => (connection.clone(), *number),
            State::Away { .. } => return Err(inner.away()),
        };
        let asked = timeout(DEADLINE, question.invoke_async(&mut connection)).await;
        asked.map_err(Trouble::from).and_then(|answer| answer.map_err(Trouble::from)).map_err(
            |trouble| {
                inner.failed(number, &trouble);
                inner.away()
            },
        )
    }

    /// Waits until it answers.
    pub(crate) async fn up(&self) {
        // It cannot fail: the sender lives as long as we do.
        drop(self.0.up.subscribe().wait_for(|up| *up).await);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn away(&self) -> Away {
        Away { what: self.what }
    }

    async fn dial(&self) -> Result<MultiplexedConnection, Trouble> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(DEADLINE))
            // One deadline of ours around all that a question needs, instead.
            .set_response_timeout(None);
        let dialled = async {
            let mut connection =
                self.client.get_multiplexed_async_connection_with_config(&config).await?;
            Script::new(PROBE).key(&self.probe).invoke_async::<()>(&mut connection).await?;
            Ok::<_, RedisError>(connection)
        };
        Ok(timeout(DEADLINE, dialled).await??)
    }

    fn set_up(&self, connection: MultiplexedConnection) {
        let mut state = self.state();
        let (State::Up { number, .. } | State::Away { last: number }) = *state;
        *state = State::Up { connection, number: number.wrapping_add(1) };
        self.up.send_replace(true);
    }

    /// A question failed on the connection with this `number`. Of many, the first tells.
    fn failed(self: &Arc<Self>, number: u64, trouble: &Trouble) {
        let mut state = self.state();
        if matches!(*state, State::Up { number: current, .. } if current == number) {
            *state = State::Away { last: number };
            self.up.send_replace(false);
            drop(state);
            self.lost(trouble);
        }
    }

    fn lost(self: &Arc<Self>, trouble: &Trouble) {
        warn!(error = %Chain(trouble), without = self.without, "{} cannot be reached", self.what);
        tokio::spawn(dial_until_up(Arc::downgrade(self)));
    }
}

/// Ends when the last link is dropped, too.
async fn dial_until_up(link: Weak<Inner>) {
    loop {
        sleep(DIAL_EVERY).await;
        let Some(link) = link.upgrade() else { return };
        if let Ok(connection) = link.dial().await {
            link.set_up(connection);
            info!("{} is back", link.what);
            return;
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink").field("what", &self.what).finish_non_exhaustive()
    }
}
