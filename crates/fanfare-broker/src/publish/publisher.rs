//! The handle that publishes: bounded, cloneable, one verdict per message.

use std::sync::Arc;
use std::time::Duration;

use lapin::types::ShortString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::unconstrained;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::{PublishError, RouteError};
use super::sequence::{Sequence, Verdicts};
use super::task;
use super::waiter::Waiter;
use crate::config::BrokerConfig;
use crate::message::Message;

/// Publishes messages over one connection of its own, reconnecting for ever.
///
/// Cheap to clone; clones share the connection and the window. A message that was
/// on its way when the connection was lost is published again with the same id.
#[derive(Clone, Debug)]
pub struct Publisher {
    publications: mpsc::Sender<Publication>,
    window: Arc<Semaphore>,
    options: PublisherOptions,
    link: watch::Receiver<LinkState>,
    closing: CancellationToken,
    task: TaskTracker,
}

/// The limits of a [`Publisher`].
#[derive(Clone, Debug)]
pub struct PublisherOptions {
    /// Messages without a verdict at any time; more callers wait.
    pub window: usize,
    /// How long a channel may leave a message unconfirmed before it is given up and
    /// everything on it is published again on a new one.
    pub confirm_deadline: Duration,
    /// How long [`Publisher::publish`] tries before it answers `Unconfirmed`.
    pub give_up_after: Duration,
    /// The largest body in bytes.
    pub body_limit: usize,
    /// The largest headers together, in bytes. They travel in one frame of 128 KiB.
    pub headers_limit: usize,
    /// The largest frame in bytes, at least 8192, where the broker's own 128 KiB are more
    /// than is needed: a connection of small messages takes less memory by it. All headers
    /// of a message have to fit.
    pub frame_max: Option<u32>,
}

/// Where a message is published to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
}

/// The broker is responsible for the message now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Whether any queue took it. `false` only where no alternate exchange parks
    /// what matches nothing.
    pub routed: bool,
}

/// How a publisher's connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Not connected, dialling.
    Down,
    /// Connected and taking messages.
    Up,
    /// Connected, but the broker has an alarm and takes nothing.
    Blocked,
}

/// A message that waits for its verdict.
#[derive(Debug)]
pub(super) struct Publication {
    pub(super) route: Route,
    pub(super) message: Arc<Message>,
    pub(super) waiter: Waiter,
    /// Given back when the publication is dropped, whatever became of it.
    pub(super) _permit: OwnedSemaphorePermit,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            // The knee of RabbitMQ's throughput curve lies between 200 and 1000.
            window: 1000,
            confirm_deadline: Duration::from_secs(30),
            give_up_after: Duration::from_secs(60),
            body_limit: 1024 * 1024,
            headers_limit: 16 * 1024,
            frame_max: None,
        }
    }
}

impl Route {
    /// An exchange and a routing key, each at most 255 bytes.
    pub fn new(exchange: &str, routing_key: &str) -> Result<Self, RouteError> {
        let short = |part, text: &str| {
            ShortString::try_new(text).map_err(|_| RouteError { part, len: text.len() })
        };
        Ok(Self {
            exchange: short("exchange", exchange)?,
            routing_key: short("routing key", routing_key)?,
        })
    }
}

impl Publisher {
    /// Starts connecting and returns at once; messages wait until it is done.
    ///
    /// `name` is what operators see in the broker's list of connections. Needs a
    /// tokio runtime.
    pub fn start(config: &BrokerConfig, name: &str, options: PublisherOptions) -> Self {
        let (publications, incoming) = mpsc::channel(options.window);
        let (link, link_state) = watch::channel(LinkState::Down);
        let closing = CancellationToken::new();
        let task = TaskTracker::new();
        task.spawn(task::run(config, name, options.clone(), incoming, link, closing.clone()));
        task.close();
        let window = Arc::new(Semaphore::new(options.window));
        Self { publications, window, options, link: link_state, closing, task }
    }

    /// One whose publications somebody else gives their verdicts.
    #[cfg(feature = "rehearsal")]
    pub(super) fn rehearsed(options: PublisherOptions) -> (Self, mpsc::Receiver<Publication>) {
        let (publications, incoming) = mpsc::channel(options.window);
        let (_, link) = watch::channel(LinkState::Up);
        let window = Arc::new(Semaphore::new(options.window));
        let (closing, task) = (CancellationToken::new(), TaskTracker::new());
        task.close();
        (Self { publications, window, options, link, closing, task }, incoming)
    }

    /// Publishes `message` and waits until the broker is responsible for it.
    ///
    /// Waits as well while the window is full. A caller that stops waiting leaves
    /// open whether the message is published.
    pub async fn publish(
        &self,
        route: &Route,
        message: Message,
    ) -> Result<Confirmed, PublishError> {
        let started = Instant::now();
        let deadline = started + self.options.give_up_after;
        let message = Arc::new(message);
        match tokio::time::timeout_at(deadline, self.publish_without_deadline(route, &message))
            .await
        {
            Ok(verdict) => verdict,
            Err(_) => Err(PublishError::Unconfirmed {
                id: message.id().to_owned(),
                waited: started.elapsed(),
                blocked: *self.link.borrow() == LinkState::Blocked,
            }),
        }
    }

    /// Publishes messages in one order, for as long as it takes.
    pub fn sequence(&self) -> (Sequence, Verdicts) {
        Sequence::of(self.clone())
    }

    /// How the connection stands, to be watched.
    pub fn link(&self) -> watch::Receiver<LinkState> {
        self.link.clone()
    }

    /// Whether somebody has closed it.
    pub fn is_closed(&self) -> bool {
        self.publications.is_closed()
    }

    /// Waits until what was published has its verdict, then closes the connection.
    ///
    /// Messages that other clones publish from now on are answered `Closed`.
    pub async fn close(self) {
        self.closing.cancel();
        self.task.wait().await;
    }

    async fn publish_without_deadline(
        &self,
        route: &Route,
        message: &Arc<Message>,
    ) -> Result<Confirmed, PublishError> {
        self.options.check(message)?;
        let permit = self.permit().await?;
        let (tell, told) = oneshot::channel();
        self.hand_in(permit, route, Arc::clone(message), Waiter::Caller(tell));
        told.await.unwrap_or(Err(PublishError::Closed))
    }

    pub(super) fn options(&self) -> &PublisherOptions {
        &self.options
    }

    /// A place in the window.
    pub(super) async fn permit(&self) -> Result<OwnedSemaphorePermit, PublishError> {
        // Without tokio's budget, which ends after 64 publishes of one task and lets the
        // rest begin in reverse: whoever begins to publish first is on the wire first.
        let permit = unconstrained(Arc::clone(&self.window).acquire_owned()).await;
        if self.is_closed() {
            return Err(PublishError::Closed);
        }
        permit.map_err(|_| PublishError::Closed)
    }

    /// A place in the window, if there is one now.
    pub(super) fn permit_now(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.window).try_acquire_owned().ok()
    }

    /// Hands a message to the task, after all that were handed in before.
    pub(super) fn hand_in(
        &self,
        permit: OwnedSemaphorePermit,
        route: &Route,
        message: Arc<Message>,
        waiter: Waiter,
    ) {
        let publication = Publication { route: route.clone(), message, waiter, _permit: permit };
        // The channel is as long as the window, so there is room for whoever has a permit. Is it
        // closed, the publication is dropped, and whoever waits is told so.
        drop(self.publications.try_send(publication));
    }
}

impl PublisherOptions {
    /// Whether a publisher with these options would publish `message`.
    ///
    /// # Errors
    ///
    /// When its body or its headers are too large.
    pub fn check(&self, message: &Message) -> Result<(), PublishError> {
        let (len, limit) = (message.body().len(), self.body_limit);
        if len > limit {
            return Err(PublishError::BodyTooLarge { len, limit });
        }
        let (len, limit) = (message.headers_len, self.headers_limit);
        if len > limit {
            return Err(PublishError::HeadersTooLarge { len, limit });
        }
        Ok(())
    }
}
