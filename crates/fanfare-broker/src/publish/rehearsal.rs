//! A publisher whose broker is played by a test.

use tokio::sync::mpsc;

use super::error::PublishError;
use super::publisher::{Confirmed, Publication, Publisher, PublisherOptions};
use crate::message::Message;

/// What a publisher sends, until it is given a verdict.
#[derive(Debug)]
pub struct Outgoing(mpsc::Receiver<Publication>);

/// A message that was sent, and whose sender waits.
#[derive(Debug)]
pub struct Published(Publication);

impl Publisher {
    /// A publisher, and what it sends.
    pub fn rehearse(options: PublisherOptions) -> (Self, Outgoing) {
        let (publisher, publications) = Self::rehearsed(options);
        (publisher, Outgoing(publications))
    }
}

impl Outgoing {
    /// What was sent next, if there is any.
    pub fn take(&mut self) -> Option<Published> {
        self.0.try_recv().ok().map(Published)
    }
}

impl Published {
    /// The exchange that it was sent to.
    pub fn exchange(&self) -> &str {
        self.0.route.exchange.as_str()
    }

    /// What was sent.
    pub fn message(&self) -> &Message {
        &self.0.message
    }

    /// The broker confirms that it is responsible for it now.
    pub fn confirm(self) {
        self.tell(Ok(Confirmed { routed: true }));
    }

    /// It is not known to be published.
    pub fn fail(self, error: PublishError) {
        self.tell(Err(error));
    }

    fn tell(self, verdict: Result<Confirmed, PublishError>) {
        self.0.waiter.tell(verdict);
    }
}
