//! Lanes in, messages out, marks back: a transaction at a time.

use std::collections::BTreeSet;
use std::time::Duration;

use fanfare_broker::LinkState;
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::relay::{Common, SESSIONS};
use super::table;
use crate::outbox::at_hand::Strand;
use crate::outbox::dispatch::{Closed, Dispatch};
use crate::outbox::entry::Entry;

/// A relay's connection at work, as long as the database does what it is asked.
pub(super) struct Session<'a> {
    connection: PgConnection,
    common: &'a Common,
    dispatch: &'a mut Dispatch,
    announced: &'a mut watch::Receiver<()>,
    link: watch::Receiver<LinkState>,
    /// Whether this turn is also for what failed before.
    tries_again: bool,
}

/// There is nothing more to do.
#[derive(Debug)]
pub(super) struct Ended;

/// What a look at the table led to.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    /// Rows were published, or tried to be.
    Worked,
    /// Nothing is pending that others do not have.
    Idle,
    /// The producer is closed.
    Closed,
}

/// Of 64: with rows in all of them, two relays of two sessions have something to do.
const LANES: usize = 16;

/// How long the lanes of one turn are held at most: the broker is there and does not answer.
const TURN_WITHIN: Duration = Duration::from_secs(20);

/// A database that answers nothing in this time is not there. Statements have less.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// How often the table is looked at for rows that nobody announced.
const POLL: Duration = Duration::from_secs(1);

impl<'a> Session<'a> {
    pub(super) fn new(
        connection: PgConnection,
        common: &'a Common,
        dispatch: &'a mut Dispatch,
        announced: &'a mut watch::Receiver<()>,
    ) -> Self {
        // What failed before is tried again now.
        dispatch.retry();
        let link = common.producer.link();
        Self { connection, common, dispatch, announced, link, tries_again: false }
    }

    /// Works until it is told to end.
    pub(super) async fn run(mut self, shutdown: &CancellationToken) -> Result<Ended, sqlx::Error> {
        loop {
            // Nothing is held while the broker is away: other relays may reach it.
            tokio::select! {
                up = self.link.wait_for(|link| *link == LinkState::Up) => {
                    if up.is_err() {
                        return Ok(Ended);
                    }
                }
                () = shutdown.cancelled() => return Ok(Ended),
            }
            self.announced.mark_unchanged();
            let turn = self.turn(shutdown).await;
            if turn.is_err() {
                // Its lanes are free, or will be without our doing.
                self.dispatch.let_go(&self.common.producer);
            }
            match turn? {
                Turn::Closed => return Ok(Ended),
                Turn::Worked if shutdown.is_cancelled() => return Ok(Ended),
                Turn::Worked if !self.common.held().is_full() => {}
                Turn::Worked | Turn::Idle => tokio::select! {
                    () = self.something_new() => {}
                    () = shutdown.cancelled() => return Ok(Ended),
                },
            }
        }
    }

    /// Takes lanes, publishes what is in them, and marks what the broker has confirmed.
    async fn turn(&mut self, shutdown: &CancellationToken) -> Result<Turn, sqlx::Error> {
        let common = self.common;
        // However much is to be tried again, every other turn is for the rest.
        self.tries_again = !self.tries_again;
        let passed_over = common.held().pass_over(Instant::now(), !self.tries_again);
        let mut transaction = answered(table::begin(&mut self.connection)).await?;
        let lanes = answered(table::take_lanes(&mut transaction, &passed_over, LANES)).await?;
        if lanes.is_empty() {
            answered(transaction.rollback()).await?;
            let is_next_due = !self.tries_again && common.held().is_due(Instant::now());
            return Ok(if is_next_due { Turn::Worked } else { Turn::Idle });
        }
        if let Some(marks) = self.dispatch.marks() {
            // Confirmed when the database was lost. Seen by the next statement, and by others
            // with the commit, for which they are marked once more.
            let marked = answered(table::mark(&mut transaction, &marks)).await;
            self.dispatch.not_marked(marks);
            marked?;
        }
        let rows = common.options.rows_at_hand / SESSIONS;
        let bytes = common.options.bytes_at_hand / SESSIONS;
        let reading = table::pending(&mut transaction, &passed_over, &lanes, rows, bytes);
        let tried = take(common, self.dispatch, answered(reading).await?);
        let grace = common.options.grace;
        let published = publish(self.dispatch, &mut self.link, shutdown, grace).await;
        // From here on none of these rows is published any more: others may have them.
        self.dispatch.let_go(&common.producer);
        common.held().tried(&tried, &self.dispatch.retry(), Instant::now());
        let Some(marks) = self.dispatch.marks() else {
            answered(transaction.rollback()).await?;
            return Ok(published.map_or(Turn::Closed, |()| Turn::Worked));
        };
        let marked = async {
            answered(table::mark(&mut transaction, &marks)).await?;
            answered(transaction.commit()).await
        };
        match marked.await {
            Ok(()) => self.dispatch.marked(&marks),
            Err(error) => {
                self.dispatch.not_marked(marks);
                return Err(error);
            }
        }
        Ok(published.map_or(Turn::Closed, |()| Turn::Worked))
    }

    /// Waits for word of a row, for the time to look without any, and for that to try again.
    async fn something_new(&mut self) {
        let now = Instant::now();
        let poll = now + self.common.options.poll.unwrap_or(POLL);
        let next = self.common.held().next(now).map_or(poll, |next| next.min(poll));
        tokio::select! {
            // Whoever would tell is gone with the relay.
            Ok(()) = self.announced.changed() => {}
            () = sleep_until(next) => {}
        }
    }
}

/// Takes rows, of what failed before the first one alone: it tells how the others would fare.
fn take(common: &Common, dispatch: &mut Dispatch, entries: Vec<Entry>) -> BTreeSet<Strand> {
    let held = common.held();
    let mut tried = BTreeSet::new();
    for entry in entries {
        let strand = entry.strand();
        if tried.insert(strand) || !held.failed_before(strand) {
            dispatch.take(entry);
        }
    }
    tried
}

/// Publishes until each row has its verdict, or it is of no use to wait for one.
async fn publish(
    dispatch: &mut Dispatch,
    link: &mut watch::Receiver<LinkState>,
    shutdown: &CancellationToken,
    grace: Duration,
) -> Result<(), Closed> {
    let mut until = Instant::now() + TURN_WITHIN;
    let mut ends = false;
    while dispatch.rows().settled() < dispatch.rows().len() {
        tokio::select! {
            progress = dispatch.progress() => progress?,
            _ = link.wait_for(|link| *link == LinkState::Down) => return Ok(()),
            () = sleep_until(until) => return Ok(()),
            () = shutdown.cancelled(), if !ends => {
                ends = true;
                until = until.min(Instant::now() + grace);
            }
        }
    }
    Ok(())
}

/// What the database answers, or that it does not.
async fn answered<T>(
    asked: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = |_| sqlx::Error::Io(std::io::ErrorKind::TimedOut.into());
    timeout(ANSWER_WITHIN, asked).await.map_err(silence)?
}
