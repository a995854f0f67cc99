//! The relay of an outbox in PostgreSQL.

use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::held::Held;
use super::session::{Ended, Session};
use super::{announced, table};
use crate::outbox::dispatch::Dispatch;
use crate::outbox::options::{CLEAN_UP_BATCH, CLEAN_UP_EVERY, RelayOptions};
use crate::outbox::status::RelayCounts;
use crate::producer::Producer;

/// Publishes what is in an outbox, for ever. Made by [`PostgresOutbox::relay`].
///
/// Several relays on one database, in however many processes, share the work. It opens four
/// connections of its own, with the options of the service's pool.
///
/// [`PostgresOutbox::relay`]: super::PostgresOutbox::relay
#[derive(Debug)]
pub struct PostgresRelay {
    pool: PgPool,
    producer: Producer,
    options: RelayOptions,
    counts: RelayCounts,
}

/// What the sessions of one relay have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) producer: Producer,
    pub(super) options: RelayOptions,
    held: Mutex<Held>,
    trouble: Mutex<Trouble>,
}

/// The database's, told once however many connections have it.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    last: Option<Instant>,
}

/// While one marks its rows, the broker has those of the other.
pub(super) const SESSIONS: usize = 2;

/// These, one that listens and one that cleans up.
const CONNECTIONS: u32 = SESSIONS as u32 + 2;

/// How long a connection is tried to be had before that is called a failure.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

const DATABASE_PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(100), Duration::from_secs(5));

/// After this time without another one a failure is over.
const OVER_AFTER: Duration = Duration::from_secs(30);

impl PostgresRelay {
    pub(super) fn new(pool: PgPool, producer: Producer) -> Self {
        let (options, counts) = (RelayOptions::default(), RelayCounts::default());
        Self { pool, producer, options, counts }
    }

    /// Works by `options`.
    #[must_use]
    pub fn options(mut self, options: RelayOptions) -> Self {
        self.options = options;
        self
    }

    /// What it does, to be looked at while it runs.
    pub fn counts(&self) -> RelayCounts {
        self.counts.clone()
    }

    /// Publishes until `shutdown` is cancelled; then waits for the confirms of what is on its
    /// way, at most [`RelayOptions::grace`], and marks them.
    ///
    /// A broker or a database that is away is waited for, however long it takes. Also ends when
    /// the producer is closed.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { pool, producer, options, counts } = self;
        // With the hooks of the service's: one of them may set the search_path.
        let pool = (pool.options().clone())
            .min_connections(0)
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_WITHIN)
            .connect_lazy_with((*pool.connect_options()).clone());
        let common =
            Common { producer, options, held: Mutex::default(), trouble: Mutex::default() };
        let (heard, announced) = watch::channel(());
        let publishing = async {
            let one = common.publish(&pool, &counts, announced.clone(), &shutdown);
            let other = common.publish(&pool, &counts, announced.clone(), &shutdown);
            tokio::join!(one, other);
        };
        tokio::select! {
            () = publishing => {}
            () = common.listen(&pool, &heard) => {}
            () = common.clean_up(&pool, &counts) => {}
        }
    }
}

impl Common {
    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One session after another, each as long as its connection lasts.
    async fn publish(
        &self,
        pool: &PgPool,
        counts: &RelayCounts,
        mut announced: watch::Receiver<()>,
        shutdown: &CancellationToken,
    ) {
        let mut dispatch = Dispatch::new(&self.producer, counts.clone());
        while !shutdown.is_cancelled() {
            let working = async {
                let connection = tokio::select! {
                    connection = table::connect(pool) => connection?,
                    () = shutdown.cancelled() => return Ok(Ended),
                };
                Session::new(connection, self, &mut dispatch, &mut announced).run(shutdown).await
            };
            let Err(error) = working.await else { return };
            tokio::select! {
                () = self.sit_out(&error) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn listen(&self, pool: &PgPool, heard: &watch::Sender<()>) {
        loop {
            let Err(error) = announced::listen(pool, heard).await;
            self.sit_out(&error).await;
        }
    }

    /// Rows that cannot be deleted now only take room: nothing that is published waits for it.
    async fn clean_up(&self, pool: &PgPool, counts: &RelayCounts) {
        let mut failures = 0;
        loop {
            let Err(error) = clean_up(pool, self.options.retention, counts, &mut failures).await;
            failures += 1;
            if failures == 1 {
                warn!(error = %error, "Cannot delete what was sent, will try until it works");
            }
            sleep(DATABASE_PAUSES.after(failures)).await;
        }
    }

    async fn sit_out(&self, error: &sqlx::Error) {
        let failures = {
            let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            trouble.one_more(Instant::now())
        };
        if failures == 1 {
            warn!(error = %error, "The outbox cannot be read or written, will try until it can");
        }
        sleep(DATABASE_PAUSES.after(failures)).await;
    }
}

async fn clean_up(
    pool: &PgPool,
    retention: Duration,
    counts: &RelayCounts,
    failures: &mut u32,
) -> Result<Infallible, sqlx::Error> {
    let mut connection = table::connect(pool).await?;
    loop {
        let began = Instant::now();
        let deleted = table::clean_up(&mut connection, retention, CLEAN_UP_BATCH).await?;
        *failures = 0;
        counts.deleted(deleted);
        if deleted < CLEAN_UP_BATCH as u64 {
            sleep(CLEAN_UP_EVERY.min(retention.max(Duration::from_secs(1)))).await;
        } else {
            // The others' turn, for as long as this one took.
            sleep(began.elapsed().max(Duration::from_millis(1))).await;
        }
    }
}

impl Trouble {
    /// How many failures there have been in a row.
    fn one_more(&mut self, now: Instant) -> u32 {
        if self.last.is_some_and(|last| now - last > OVER_AFTER) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = Some(now);
        self.failures
    }
}
