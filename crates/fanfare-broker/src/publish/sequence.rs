//! Messages that are published in one order, for as long as it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::error::PublishError;
use super::publisher::{Confirmed, Publisher, Route};
use super::waiter::{InSequence, Verdict, Waiter};
use crate::message::Message;

/// Publishes messages in the order of their [`Place`]s, also where a lost connection makes it
/// publish some of them again. Their verdicts come to its [`Verdicts`].
///
/// There is no deadline: a message is tried until it has its verdict. Dropping the sequence
/// abandons all that have none at once, so that none goes out after an earlier one was dropped.
#[derive(Debug)]
pub struct Sequence {
    publisher: Publisher,
    verdicts: mpsc::UnboundedSender<(u64, Verdict)>,
    abandoned: Arc<AtomicBool>,
}

/// The verdicts of a sequence's messages, as they come.
#[derive(Debug)]
pub struct Verdicts {
    /// Never more than were published and are not heard yet.
    verdicts: mpsc::UnboundedReceiver<(u64, Verdict)>,
}

/// Room for one message.
#[derive(Debug)]
pub struct Place<'a> {
    sequence: &'a Sequence,
    permit: OwnedSemaphorePermit,
}

impl Sequence {
    pub(super) fn of(publisher: Publisher) -> (Self, Verdicts) {
        let (tell, verdicts) = mpsc::unbounded_channel();
        (Self { publisher, verdicts: tell, abandoned: Arc::default() }, Verdicts { verdicts })
    }

    /// Room for the next message; waits while the publisher's window is full.
    pub async fn place(&self) -> Result<Place<'_>, PublishError> {
        let permit = self.publisher.permit().await?;
        Ok(Place { sequence: self, permit })
    }

    /// Room for the next message, if there is any now.
    pub fn place_now(&self) -> Option<Place<'_>> {
        self.publisher.permit_now().map(|permit| Place { sequence: self, permit })
    }
}

impl Place<'_> {
    /// Has `message` published after all that went before. Its verdict comes under `tag`.
    ///
    /// # Errors
    ///
    /// When the message is too large. Then no verdict comes. Of a publisher that is closed the
    /// verdict tells, [`PublishError::Closed`].
    pub fn publish(self, tag: u64, route: &Route, message: Message) -> Result<(), PublishError> {
        let Self { sequence, permit } = self;
        sequence.publisher.options().check(&message)?;
        let waiter = Waiter::Sequence(InSequence {
            tag,
            verdicts: sequence.verdicts.clone(),
            abandoned: Arc::clone(&sequence.abandoned),
            told: false,
        });
        sequence.publisher.hand_in(permit, route, Arc::new(message), waiter);
        Ok(())
    }
}

impl Verdicts {
    /// The next verdict, and the tag of its message. Cancelled, it loses none.
    ///
    /// Pending for ever once the sequence is dropped and everything is told.
    pub async fn next(&mut self) -> (u64, Result<Confirmed, PublishError>) {
        match self.verdicts.recv().await {
            Some(verdict) => verdict,
            None => std::future::pending().await,
        }
    }

    /// A verdict that is known already.
    pub fn known(&mut self) -> Option<(u64, Result<Confirmed, PublishError>)> {
        self.verdicts.try_recv().ok()
    }
}

impl Drop for Sequence {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Release);
    }
}
