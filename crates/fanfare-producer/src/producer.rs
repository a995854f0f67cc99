//! The producer: one confirm per event, many events in flight.

use std::borrow::Borrow;
use std::sync::Arc;

use fanfare_broker::topology::{Topology, declare};
use fanfare_broker::{Message, Publisher, Route};
use fanfare_events::{Event, EventId};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;

use crate::config::ProducerConfig;
use crate::error::{ConnectError, PublishError};
use crate::message::{message_of, route_of};

/// Publishes events and answers for each whether the broker has it.
///
/// Cheap to clone; clones share one connection, which reconnects for ever. What was
/// not confirmed when a connection was lost is published again with the same id.
#[derive(Clone, Debug)]
pub struct Producer {
    publisher: Publisher,
    exchange: Arc<str>,
    window: usize,
}

/// The broker has the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id.
    pub id: EventId,
    /// Whether any destination subscribes to its type. An event that nobody asked for
    /// is not an error; where no destination exists at all, it is parked at the broker.
    pub routed: bool,
}

/// An event on its way to the publisher.
struct Prepared {
    id: EventId,
    route: Route,
    message: Message,
}

impl Producer {
    /// Declares the exchange that events are published to, and connects.
    ///
    /// # Errors
    ///
    /// When no node of the broker answers, or what stands there differs. A service
    /// that must start without its broker uses [`Self::start`].
    pub async fn connect(config: ProducerConfig) -> Result<Self, ConnectError> {
        if config.declares {
            let topology = Topology::of_namespace(&config.namespace);
            declare(&config.broker, &topology).await?;
        }
        Ok(Self::start(config))
    }

    /// Starts connecting and returns at once; nothing is declared.
    ///
    /// Until the broker answers, [`Self::publish`] waits, and in the end answers
    /// `Unconfirmed`. Needs a tokio runtime.
    pub fn start(config: ProducerConfig) -> Self {
        let window = config.options.window;
        Self {
            publisher: Publisher::start(&config.broker, &config.name, config.options),
            exchange: config.namespace.events().into(),
            window,
        }
    }

    /// Publishes `event` and waits until the broker is responsible for it.
    ///
    /// Many calls may wait at the same time; past the window they wait for room.
    pub async fn publish(&self, event: &Event) -> Result<Receipt, PublishError> {
        self.publish_prepared(self.prepare(event)).await
    }

    /// Publishes many events, in their order and without waiting for one to start the
    /// next. The answers come in the same order.
    pub async fn publish_all<E: Borrow<Event>>(
        &self,
        events: impl IntoIterator<Item = E>,
    ) -> Vec<Result<Receipt, PublishError>> {
        let mut receipts = Vec::new();
        let mut in_flight = FuturesOrdered::new();
        for event in events {
            if in_flight.len() >= self.window {
                receipts.extend(in_flight.next().await);
            }
            in_flight.push_back(self.publish_prepared(self.prepare(event.borrow())));
        }
        receipts.extend(in_flight.collect::<Vec<_>>().await);
        receipts
    }

    fn prepare(&self, event: &Event) -> Result<Prepared, PublishError> {
        let message = message_of(event, event.to_json())?;
        let route = route_of(event, &self.exchange)?;
        Ok(Prepared { id: event.id().clone(), route, message })
    }

    async fn publish_prepared(
        &self,
        prepared: Result<Prepared, PublishError>,
    ) -> Result<Receipt, PublishError> {
        let Prepared { id, route, message } = prepared?;
        let confirmed = self.publisher.publish(&route, message).await?;
        Ok(Receipt { id, routed: confirmed.routed })
    }

    /// Publishes in one order, for as long as it takes.
    #[cfg(feature = "outbox")]
    pub(crate) fn sequence(&self) -> (fanfare_broker::Sequence, fanfare_broker::Verdicts) {
        self.publisher.sequence()
    }

    /// Whether somebody has closed it, or a clone of it.
    #[cfg(feature = "spill")]
    pub(crate) fn is_closed(&self) -> bool {
        self.publisher.is_closed()
    }

    /// How the connection stands, to be watched.
    #[cfg(any(feature = "outbox-postgres", feature = "spill"))]
    pub(crate) fn link(&self) -> tokio::sync::watch::Receiver<fanfare_broker::LinkState> {
        self.publisher.link()
    }

    /// Where events are published to.
    #[cfg(feature = "outbox")]
    pub(crate) fn exchange(&self) -> &Arc<str> {
        &self.exchange
    }

    /// Waits for what is in flight, then disconnects.
    pub async fn close(self) {
        self.publisher.close().await;
    }
}
