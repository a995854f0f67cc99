//! Rows on their way to the broker: what [`AtHand`] decides, done.

use std::collections::{BTreeSet, HashMap};
use std::error::Error as _;
use std::sync::Arc;

use fanfare_broker::{Confirmed, Message, Place, PublishError, Route, Sequence, Verdicts};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::at_hand::{AtHand, Marks, RowId, RowVerdict, Strand};
use super::entry::Entry;
#[cfg(feature = "outbox-sqlite")]
use super::options::{BATCH, MARK_WITHIN};
use super::status::RelayCounts;
use crate::producer::Producer;

/// Publishes rows and hears what becomes of them.
#[derive(Debug)]
pub(crate) struct Dispatch {
    exchange: Arc<str>,
    at_hand: AtHand,
    messages: HashMap<RowId, (Route, Message)>,
    sequence: Sequence,
    verdicts: Verdicts,
    settled_since: Option<Instant>,
    counts: RelayCounts,
}

/// The publisher is closed: nothing is published any more.
#[derive(Debug)]
pub(crate) struct Closed;

impl Dispatch {
    pub(crate) fn new(producer: &Producer, counts: RelayCounts) -> Self {
        let (sequence, verdicts) = producer.sequence();
        Self {
            exchange: Arc::clone(producer.exchange()),
            at_hand: AtHand::new(),
            messages: HashMap::new(),
            sequence,
            verdicts,
            settled_since: None,
            counts,
        }
    }

    /// Takes a pending row, unless it is at hand or has to wait.
    pub(crate) fn take(&mut self, entry: Entry) {
        let id = entry.id;
        if !self.at_hand.take(id, entry.key, entry.size()) {
            return;
        }
        let message = match entry.content {
            Ok(content) => content.into_message(&self.exchange),
            Err(unreadable) => Err(unreadable.why),
        };
        match message {
            Ok(message) => drop(self.messages.insert(id, message)),
            Err(why) => self.refuse(id, why),
        }
    }

    /// Publishes as many rows as there is room for now.
    pub(crate) fn publish(&mut self) -> Result<(), Closed> {
        while self.at_hand.waiting() > 0 && self.publish_one()? {}
        Ok(())
    }

    /// Waits for verdicts, and for room to publish where rows wait; then publishes.
    pub(crate) async fn progress(&mut self) -> Result<(), Closed> {
        tokio::select! {
            (tag, verdict) = self.verdicts.next() => {
                self.heard(tag, verdict)?;
                while let Some((tag, verdict)) = self.verdicts.known() {
                    self.heard(tag, verdict)?;
                }
            }
            place = self.sequence.place(), if self.at_hand.waiting() > 0 => {
                let place = place.map_err(|_| Closed)?;
                let sent = send_next(place, &mut self.at_hand, &mut self.messages);
                self.sent(sent)?;
            }
        }
        self.publish()
    }

    /// What is to be marked now.
    pub(crate) fn marks(&mut self) -> Option<Marks> {
        let marks = self.at_hand.marks()?;
        self.settled_since = None;
        Some(marks)
    }

    /// When the next rows are to be marked, if any are.
    #[cfg(feature = "outbox-sqlite")]
    pub(crate) fn marks_due(&self) -> Option<Instant> {
        let since = self.settled_since?;
        let nothing_to_wait_for = self.at_hand.settled() == self.at_hand.len();
        let is_due = nothing_to_wait_for || self.at_hand.settled() >= BATCH;
        Some(if is_due { since } else { since + MARK_WITHIN })
    }

    pub(crate) fn marked(&mut self, marks: &Marks) {
        self.at_hand.marked(marks);
    }

    pub(crate) fn not_marked(&mut self, marks: Marks) {
        self.at_hand.not_marked(marks);
        self.settled_since = Some(Instant::now());
    }

    /// What failed may be taken again. Says what that was.
    pub(crate) fn retry(&mut self) -> BTreeSet<Strand> {
        self.at_hand.retry()
    }

    /// Lets go of every row without a verdict. None of them is published any more when this
    /// returns; what is on the wire already may still come.
    #[cfg(feature = "outbox-postgres")]
    pub(crate) fn let_go(&mut self, producer: &Producer) {
        while let Some((tag, verdict)) = self.verdicts.known() {
            if self.heard(tag, verdict).is_err() {
                break;
            }
        }
        if self.at_hand.settled() < self.at_hand.len() {
            (self.sequence, self.verdicts) = producer.sequence();
            self.at_hand.let_go();
            self.forget_messages();
        }
    }

    pub(crate) fn rows(&self) -> &AtHand {
        &self.at_hand
    }

    fn publish_one(&mut self) -> Result<bool, Closed> {
        let Some(place) = self.sequence.place_now() else { return Ok(false) };
        let sent = send_next(place, &mut self.at_hand, &mut self.messages);
        self.sent(sent)?;
        Ok(true)
    }

    fn sent(&mut self, sent: Option<(RowId, Result<(), PublishError>)>) -> Result<(), Closed> {
        match sent {
            Some((id, Err(error))) => self.heard(tag(id), Err(error)),
            Some((_, Ok(()))) | None => Ok(()),
        }
    }

    fn heard(&mut self, tag: u64, verdict: Result<Confirmed, PublishError>) -> Result<(), Closed> {
        let id = tag.cast_signed();
        match verdict {
            Ok(confirmed) => {
                self.counts.confirmed(confirmed.routed);
                self.settle(id, RowVerdict::Confirmed);
            }
            Err(PublishError::Closed) => return Err(Closed),
            Err(error) if error.is_transient() => {
                self.say_failed(id, &error);
                self.counts.one_failed();
                self.at_hand.verdict(id, RowVerdict::Failed);
                self.forget_messages();
            }
            Err(error) => self.refuse(id, error.to_string()),
        }
        Ok(())
    }

    fn refuse(&mut self, id: RowId, why: String) {
        warn!(
            row = id,
            why, "Refused a row of the outbox, which is no event that can be published"
        );
        self.counts.one_refused();
        self.settle(id, RowVerdict::Refused(why));
    }

    /// Said aloud once, until it is tried again: the next ones fail for the same reason.
    fn say_failed(&self, id: RowId, error: &PublishError) {
        let why = error.source().map(ToString::to_string);
        if self.at_hand.holds() {
            debug!(row = id, error = %error, why, "A row was not published, will try again");
        } else {
            warn!(row = id, error = %error, why, "A row was not published, will try again");
        }
    }

    fn settle(&mut self, id: RowId, verdict: RowVerdict) {
        if let Some(bytes) = self.at_hand.bytes_without_verdict(id) {
            self.counts.one_settled(bytes);
        }
        self.at_hand.verdict(id, verdict);
        self.settled_since.get_or_insert_with(Instant::now);
    }

    /// Of rows that are not at hand any more: what waited behind one that failed.
    fn forget_messages(&mut self) {
        let at_hand = &self.at_hand;
        self.messages.retain(|id, _| at_hand.has(*id));
    }
}

/// Publishes the row that is next.
fn send_next(
    place: Place<'_>,
    at_hand: &mut AtHand,
    messages: &mut HashMap<RowId, (Route, Message)>,
) -> Option<(RowId, Result<(), PublishError>)> {
    let id = at_hand.publish_next()?;
    let Some((route, message)) = messages.remove(&id) else {
        // Each row that waits has a message; without one it is read again.
        at_hand.verdict(id, RowVerdict::Failed);
        return None;
    };
    Some((id, place.publish(tag(id), &route, message)))
}

fn tag(id: RowId) -> u64 {
    id.cast_unsigned()
}
