//! The relay of an outbox in SQLite.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::lock::{self, FileLock};
use super::session::Session;
use super::{SqliteOutbox, table};
use crate::outbox::dispatch::Dispatch;
use crate::outbox::options::{CLEAN_UP_BATCH, CLEAN_UP_EVERY, RelayOptions};
use crate::outbox::status::RelayCounts;
use crate::producer::Producer;

/// Publishes what is in an outbox, for ever. Made by [`SqliteOutbox::relay`].
///
/// Of several relays on one database, in however many processes, one works and the others
/// wait to take over.
#[derive(Debug)]
pub struct SqliteRelay {
    outbox: SqliteOutbox,
    producer: Producer,
    options: RelayOptions,
    counts: RelayCounts,
}

const LOOK_FOR_LOCK_EVERY: Duration = Duration::from_millis(200);

const DATABASE_PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(100), Duration::from_secs(5));

impl SqliteRelay {
    pub(super) fn new(outbox: SqliteOutbox, producer: Producer) -> Self {
        let (options, counts) = (RelayOptions::default(), RelayCounts::default());
        Self { outbox, producer, options, counts }
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
        let mut dispatch = Dispatch::new(&self.producer, self.counts.clone());
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let began = Instant::now();
            let Err(error) = self.work(&mut dispatch, &shutdown).await else { return };
            if began.elapsed() > Duration::from_secs(10) {
                failures = 0;
            }
            if failures == 0 {
                warn!(error = %error, "The outbox cannot be read or written, will try until it can");
            }
            failures += 1;
            tokio::select! {
                () = sleep(DATABASE_PAUSES.after(failures)) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    async fn work(
        &self,
        dispatch: &mut Dispatch,
        shutdown: &CancellationToken,
    ) -> Result<(), sqlx::Error> {
        let mut reader = self.connect().await?;
        let file = table::file(&mut reader).await?;
        // A database in memory is seen by one process, which knows how many relays it started.
        let _lock = match &file {
            Some(file) => match wait_for_lock(&lock::beside(file), shutdown).await? {
                Some(lock) => Some(lock),
                None => return Ok(()),
            },
            None => None,
        };
        let writer = self.connect().await?;
        let mut session =
            Session::new(reader, writer, dispatch, &self.outbox.enqueued, &self.options);
        tokio::select! {
            ended = session.run(shutdown) => ended,
            // It never ends, so no mark is cut off that is under way.
            never = self.clean_up_for_ever() => match never {},
        }
    }

    /// A connection of the relay's own: the service's pool is the service's.
    ///
    /// A mark that a power cut takes back means that its event is published again, which is
    /// harmless. So marks need not wait for the disk, and nobody waits for them while they do.
    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        let options: SqliteConnectOptions = (*self.outbox.pool.connect_options()).clone();
        options.synchronous(SqliteSynchronous::Normal).connect().await
    }

    /// Rows that cannot be deleted now only take room. Nobody waits for them to be published.
    async fn clean_up_for_ever(&self) -> Infallible {
        let mut failures = 0;
        loop {
            let Err(error) = self.clean_up(&mut failures).await;
            failures += 1;
            if failures == 1 {
                warn!(error = %error, "Cannot delete what was sent, will try until it works");
            }
            sleep(DATABASE_PAUSES.after(failures)).await;
        }
    }

    async fn clean_up(&self, failures: &mut u32) -> Result<Infallible, sqlx::Error> {
        let mut connection = self.connect().await?;
        loop {
            let began = Instant::now();
            let deleted =
                table::clean_up(&mut connection, self.options.retention, CLEAN_UP_BATCH).await?;
            *failures = 0;
            self.counts.deleted(deleted);
            if deleted < CLEAN_UP_BATCH as u64 {
                sleep(CLEAN_UP_EVERY.min(self.options.retention.max(Duration::from_secs(1)))).await;
            } else {
                // The others' turn, for as long as this one took.
                sleep(began.elapsed().max(Duration::from_millis(1))).await;
            }
        }
    }
}

async fn wait_for_lock(
    path: &Path,
    shutdown: &CancellationToken,
) -> Result<Option<FileLock>, sqlx::Error> {
    let mut said = false;
    loop {
        if let Some(lock) = FileLock::take(path).map_err(sqlx::Error::Io)? {
            if said {
                info!("This relay publishes what is in the outbox now");
            }
            return Ok(Some(lock));
        }
        if !said {
            info!("Another relay publishes what is in the outbox, this one waits");
            said = true;
        }
        tokio::select! {
            () = sleep(LOOK_FOR_LOCK_EVERY) => {}
            () = shutdown.cancelled() => return Ok(None),
        }
    }
}
