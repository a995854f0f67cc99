//! Rows in, messages out, marks back: one loop over two connections.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use fanfare_broker::ExponentialPauses;
use sqlx::SqliteConnection;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::look::Look;
use super::table;
use crate::outbox::at_hand::{Marks, RowId};
use crate::outbox::dispatch::Dispatch;
use crate::outbox::options::{BATCH, RelayOptions};

/// A relay at work, as long as the database does what it is asked.
pub(super) struct Session<'a> {
    reader: SqliteConnection,
    writer: Writer,
    dispatch: &'a mut Dispatch,
    enqueued: &'a Notify,
    options: &'a RelayOptions,
    look: Look,
    /// Everything pending up to here is at hand, or waits for a retry.
    cursor: RowId,
    failures: u32,
    failed_at: Instant,
    retry_at: Option<Instant>,
}

/// The connection that marks, one mark at a time.
enum Writer {
    Idle(SqliteConnection),
    Marking(Pin<Box<dyn Future<Output = Marked> + Send>>),
    Gone,
}

struct Marked {
    connection: SqliteConnection,
    marks: Marks,
    result: Result<(), sqlx::Error>,
}

/// Between attempts to publish what failed.
const RETRY_PAUSES: ExponentialPauses =
    ExponentialPauses::new(Duration::from_millis(200), Duration::from_secs(5));

/// How often the table is looked at for rows that nobody announced.
const POLL: Duration = Duration::from_millis(20);

/// A failure that is so long ago has nothing to do with the next one.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

impl<'a> Session<'a> {
    pub(super) fn new(
        reader: SqliteConnection,
        writer: SqliteConnection,
        dispatch: &'a mut Dispatch,
        enqueued: &'a Notify,
        options: &'a RelayOptions,
    ) -> Self {
        // What failed before is tried again now, since everything is read from the start.
        dispatch.retry();
        Self {
            reader,
            writer: Writer::Idle(writer),
            dispatch,
            enqueued,
            options,
            look: Look::new(options.poll.unwrap_or(POLL), Instant::now()),
            cursor: 0,
            failures: 0,
            failed_at: Instant::now(),
            retry_at: None,
        }
    }

    /// Works until it is told to end, and nothing is under way any more.
    pub(super) async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), sqlx::Error> {
        let ended = self.work(shutdown).await;
        // Whatever happened, the writer may have marked something.
        let marked = self.last_marks().await;
        ended.and(marked)
    }

    async fn work(&mut self, shutdown: &CancellationToken) -> Result<(), sqlx::Error> {
        let mut ends_at = None;
        loop {
            if ends_at.is_none() {
                self.read_if_due().await?;
            }
            self.mark_if_due();
            if ends_at.is_some() && self.dispatch.rows().is_empty() {
                return Ok(());
            }
            let look_at = (ends_at.is_none() && self.has_room()).then(|| self.look.at());
            let mark_at = self.dispatch.marks_due().filter(|_| self.writer.is_idle());
            tokio::select! {
                progress = self.dispatch.progress() => if progress.is_err() { return Ok(()) },
                marked = self.writer.marked() => self.marked(marked)?,
                () = self.enqueued.notified() => self.look.soon(Instant::now()),
                () = at(look_at) => {}
                () = at(mark_at) => {}
                () = at(self.retry_at) => self.retry(),
                () = at(ends_at) => return Ok(()),
                () = shutdown.cancelled(), if ends_at.is_none() => {
                    ends_at = Some(Instant::now() + self.options.grace);
                }
            }
            self.plan_retry();
        }
    }

    async fn read_if_due(&mut self) -> Result<(), sqlx::Error> {
        let now = Instant::now();
        if self.look.at() > now || !self.has_room() {
            return Ok(());
        }
        let rows = self.dispatch.rows();
        // A row may be pending again that was refused, and a foreign program may have chosen an
        // id. While rows are held nothing else is new before the cursor.
        if !rows.holds() && (rows.is_empty() || self.look.is_full_look_due(now)) {
            self.cursor = 0;
            self.look.looks_fully(now);
        }
        let bytes = self.options.bytes_at_hand - rows.bytes();
        let (entries, all) = table::pending(&mut self.reader, self.cursor, BATCH, bytes).await?;
        self.look.looked(Instant::now(), entries.is_empty(), all);
        for entry in entries {
            self.cursor = entry.id;
            self.dispatch.take(entry);
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        let rows = self.dispatch.rows();
        rows.len() + BATCH <= self.options.rows_at_hand.max(BATCH)
            && rows.bytes() < self.options.bytes_at_hand
    }

    fn mark_if_due(&mut self) {
        let is_due = self.dispatch.marks_due().is_some_and(|due| due <= Instant::now());
        if is_due
            && self.writer.is_idle()
            && let Some(marks) = self.dispatch.marks()
        {
            self.writer.mark(marks);
        }
    }

    fn marked(&mut self, marked: Marked) -> Result<(), sqlx::Error> {
        let Marked { connection, marks, result } = marked;
        match result {
            Ok(()) => {
                self.writer = Writer::Idle(connection);
                self.dispatch.marked(&marks);
                Ok(())
            }
            Err(error) => {
                self.dispatch.not_marked(marks);
                Err(error)
            }
        }
    }

    /// Whatever became of the work: the mark that is under way comes to its end, and if all is
    /// well the last one is made.
    async fn last_marks(&mut self) -> Result<(), sqlx::Error> {
        while !matches!(self.writer, Writer::Gone) {
            if let Writer::Marking(_) = self.writer {
                let marked = self.writer.marked().await;
                self.marked(marked)?;
            }
            let Some(marks) = self.dispatch.marks() else { break };
            self.writer.mark(marks);
        }
        Ok(())
    }

    fn plan_retry(&mut self) {
        if self.retry_at.is_none() && self.dispatch.rows().holds() {
            let now = Instant::now();
            if now - self.failed_at > FORGOTTEN_AFTER {
                self.failures = 0;
            }
            self.failures += 1;
            self.failed_at = now;
            self.retry_at = Some(now + RETRY_PAUSES.ceiling(self.failures));
        }
    }

    fn retry(&mut self) {
        self.dispatch.retry();
        self.retry_at = None;
        self.cursor = 0;
        self.look.soon(Instant::now());
    }
}

impl Writer {
    fn is_idle(&self) -> bool {
        matches!(self, Self::Idle(_))
    }

    /// Starts to mark, on a connection that is idle.
    fn mark(&mut self, marks: Marks) {
        *self = match std::mem::replace(self, Self::Gone) {
            Self::Idle(mut connection) => Self::Marking(Box::pin(async move {
                let result = table::mark(&mut connection, &marks).await;
                Marked { connection, marks, result }
            })),
            other => other,
        };
    }

    /// The mark that is under way, once it has ended. Cancelled, it goes on.
    async fn marked(&mut self) -> Marked {
        let Self::Marking(marking) = self else { return pending().await };
        let marked = marking.await;
        *self = Self::Gone;
        marked
    }
}

/// Waits until then; for ever where nothing is planned.
async fn at(planned: Option<Instant>) {
    match planned {
        Some(then) => sleep_until(then).await,
        None => pending().await,
    }
}
