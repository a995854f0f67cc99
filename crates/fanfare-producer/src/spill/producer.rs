//! A producer with a spill.

use std::sync::Arc;

use fanfare_broker::PublisherOptions;
use fanfare_events::{Event, EventId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::unconstrained;
use tokio_util::task::TaskTracker;

use super::desk::{AT_THE_DESK, Desk};
use super::error::{OpenError, SpillError};
use super::file::SpillFile;
use super::room::{Amount, Room};
use super::settings::Spill;
use super::waiting::Submission;
use crate::error::PublishError;
use crate::message::{message_of, route_of};
use crate::producer::{Producer, Receipt};

/// A producer whose events are safe on the disk while the broker is away.
///
/// Cheap to clone. Made by [`Spill::open`].
#[derive(Clone, Debug)]
pub struct SpillingProducer {
    submissions: mpsc::Sender<Submission>,
    waiting: watch::Receiver<Amount>,
    exchange: Arc<str>,
    desk: TaskTracker,
}

/// Where an event is safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The broker has it.
    Broker(Receipt),
    /// It is on the disk of this process, which will publish it when the broker is back, or when
    /// it is started again. Whether any destination subscribes to it is not known yet.
    Spill(EventId),
}

/// What waits in a spill for the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpillStatus {
    /// Events.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl SpillingProducer {
    pub(super) async fn open(spill: Spill, producer: Producer) -> Result<Self, OpenError> {
        let file = SpillFile::open(&spill.path).await?;
        let limits = Amount { rows: spill.rows, bytes: spill.bytes };
        let room = Room::new(limits, file.waiting().await?);
        let (submissions, incoming) = mpsc::channel(AT_THE_DESK);
        let (tell_waiting, waiting) = watch::channel(room.waiting());
        let exchange = Arc::clone(producer.exchange());
        let desk = TaskTracker::new();
        desk.spawn(Desk::new(spill, producer, file, room, incoming, tell_waiting).run());
        desk.close();
        Ok(Self { submissions, waiting, exchange, desk })
    }

    /// Publishes `event`, or writes it to the disk, and waits until one of the two is done.
    ///
    /// Of many calls at the same time, whichever began first is published first. A call that is
    /// given up leaves open whether its event is published.
    ///
    /// # Errors
    ///
    /// When the event is neither at the broker nor on the disk, or not known to be.
    pub async fn publish(&self, event: &Event) -> Result<Stored, SpillError> {
        let (answer, answered) = oneshot::channel();
        let submission = self.submission(event, answer)?;
        // As in the publisher: tokio's budget would let some begin in another order.
        let handed_in = unconstrained(self.submissions.send(submission)).await;
        handed_in.map_err(|_| SpillError::Closed)?;
        answered.await.unwrap_or(Err(SpillError::Closed))
    }

    /// What waits for the broker now.
    pub fn status(&self) -> SpillStatus {
        let Amount { rows, bytes } = *self.waiting.borrow();
        SpillStatus { rows, bytes }
    }

    /// Waits for the answers to what was handed in, then closes the producer below. What is in
    /// the file waits for the next start.
    ///
    /// Other clones have to be dropped for it to end.
    pub async fn close(self) {
        let Self { submissions, desk, .. } = self;
        drop(submissions);
        desk.wait().await;
    }

    fn submission(
        &self,
        event: &Event,
        answer: oneshot::Sender<Result<Stored, SpillError>>,
    ) -> Result<Submission, PublishError> {
        let message = message_of(event, event.to_json())?;
        // What is written to the disk can be published.
        PublisherOptions::default().check(&message)?;
        Ok(Submission {
            id: event.id().clone(),
            event_type: event.event_type().to_owned(),
            ordering_key: event.subject().map(str::to_owned),
            route: route_of(event, &self.exchange)?,
            message,
            answer,
        })
    }
}
