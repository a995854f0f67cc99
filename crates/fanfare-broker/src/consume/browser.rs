//! Reading a queue from front to back without changing it.
//!
//! Everything read stays unacked until the browser closes, and then returns to its
//! place: on a quorum queue with a delivery limit, order and count are what they
//! were. `basic.get` would do as well but is one round trip a message.

use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::time::{Instant, sleep};

use crate::config::BrokerConfig;
use crate::dial::{Dialer, close};
use crate::fault::Fault;
use crate::inspect::depth_of;
use crate::received::Received;

/// Reads the messages that were in a queue when it was opened.
#[derive(Debug)]
pub struct Browser {
    connection: Connection,
    queue: String,
    /// Only the last one still takes messages.
    channels: Vec<Reading>,
    per_channel: u16,
    left: u64,
}

/// One channel's part of what was read.
#[derive(Debug)]
struct Reading {
    channel: Channel,
    consumer: Consumer,
    /// Read and not removed: at `per_channel` the broker hands over no more.
    held: AtomicU16,
}

/// A message that is read and stays where it is, unless it is removed.
#[derive(Debug)]
pub struct Browsed {
    /// The message.
    pub message: Received,
    channel: usize,
    tag: u64,
}

/// Why a queue cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BrowseError {
    /// No node of the broker answered.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] Fault),
    /// The queue does not exist, or may not be read.
    #[error("queue {queue} cannot be read")]
    Refused {
        /// The queue.
        queue: String,
        /// What the broker said.
        #[source]
        source: Fault,
    },
    /// The connection was lost; what was read has returned to the queue.
    #[error("the broker was lost while reading queue {queue}")]
    Lost {
        /// The queue.
        queue: String,
        /// What was heard last.
        #[source]
        source: Fault,
    },
}

/// A prefetch of zero means 2000 on quorum queues, and the field ends at 65,535.
const PER_CHANNEL: NonZeroU16 = NonZeroU16::new(50_000).expect("50,000 is not zero");

/// What a channel had is back in the queue within milliseconds.
const RETURNED_WITHIN: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// When nothing comes for so long, another reader holds the rest.
const QUIET: Duration = Duration::from_secs(3);

impl Browser {
    /// Opens `queue` for reading.
    pub async fn open(config: &BrokerConfig, queue: &str) -> Result<Self, BrowseError> {
        Self::open_with(config, queue, PER_CHANNEL).await
    }

    /// Opens `queue` for reading, with at most `per_channel` messages on one channel.
    ///
    /// The broker hands over so many ahead of [`Self::next`], and with them out of
    /// everybody else's reach.
    pub async fn open_with(
        config: &BrokerConfig,
        queue: &str,
        per_channel: NonZeroU16,
    ) -> Result<Self, BrowseError> {
        let connection = Dialer::new(config, format!("fanfare reads {queue}"))
            .connect_once()
            .await
            .map_err(BrowseError::Unreachable)?;
        let refused = |source: Fault| BrowseError::Refused { queue: queue.to_owned(), source };
        let left = depth_of(&connection, queue).await.map_err(refused)?.ready;
        Ok(Self {
            connection,
            queue: queue.to_owned(),
            channels: Vec::new(),
            per_channel: per_channel.get(),
            left,
        })
    }

    /// How many messages are still to be read, of those that were there at first.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next message; `None` when all have been read, or when the rest is held by
    /// another reader (then [`Self::left`] is not zero).
    pub async fn next(&mut self) -> Result<Option<Browsed>, BrowseError> {
        if self.left == 0 {
            return Ok(None);
        }
        let queue = &self.queue;
        let lost = |source| BrowseError::Lost { queue: queue.clone(), source };
        if self.channels.last().is_none_or(|reading| reading.is_full(self.per_channel)) {
            if let Some(full) = self.channels.last() {
                full.take_no_more().await.map_err(lost)?;
            }
            let reading = Reading::start(&self.connection, queue, self.per_channel).await;
            self.channels.push(
                reading.map_err(|source| BrowseError::Refused { queue: queue.clone(), source })?,
            );
        }
        let channel = self.channels.len() - 1;
        let reading = &mut self.channels[channel];
        match tokio::time::timeout(QUIET, reading.consumer.next()).await {
            Err(_) => Ok(None),
            Ok(None) => Err(lost(Fault::lost("the broker cancelled the consumer"))),
            Ok(Some(Err(error))) => Err(lost(error.into())),
            Ok(Some(Ok(delivery))) => {
                self.left -= 1;
                reading.held.fetch_add(1, Ordering::Relaxed);
                let tag = delivery.delivery_tag;
                Ok(Some(Browsed { message: Received::new(delivery), channel, tag }))
            }
        }
    }

    /// Takes a message that was read out of the queue for good.
    pub async fn remove(&self, browsed: Browsed) -> Result<(), BrowseError> {
        let reading = &self.channels[browsed.channel];
        reading.held.fetch_sub(1, Ordering::Relaxed);
        reading
            .channel
            .basic_ack(browsed.tag, BasicAckOptions { multiple: false })
            .await
            .map_err(|error| BrowseError::Lost { queue: self.queue.clone(), source: error.into() })
    }

    /// Returns what was read to its place.
    pub async fn close(self) {
        // Or the last channel would take what the first one returns.
        if let Some(last) = self.channels.last()
            && let Err(fault) = last.take_no_more().await
        {
            tracing::debug!(%fault, "A consumer was gone before it could be cancelled");
        }
        // First read, first returned: that keeps the order, if each waits for the one before.
        let mut channels = self.channels.iter().peekable();
        while let Some(reading) = channels.next() {
            let ready = if channels.peek().is_some() { self.ready().await } else { None };
            if let Err(error) = reading.channel.close(200, "done".into()).await {
                tracing::debug!(%error, "A channel was gone before it could be closed");
            }
            if let Some(ready) = ready {
                self.wait_for(ready + u64::from(reading.held.load(Ordering::Relaxed))).await;
            }
        }
        close(&self.connection).await;
    }

    /// Waits until the queue has so many messages again. It hears of the ends of channels in no
    /// particular order, and of each a moment after it was closed. Where somebody else takes
    /// messages there is no order to keep.
    async fn wait_for(&self, ready: u64) {
        let deadline = Instant::now() + RETURNED_WITHIN;
        while Instant::now() < deadline && self.ready().await.is_some_and(|now| now < ready) {
            sleep(LOOK_EVERY).await;
        }
    }

    /// Messages that nobody has; unknown where the broker or the queue is gone.
    async fn ready(&self) -> Option<u64> {
        depth_of(&self.connection, &self.queue).await.ok().map(|depth| depth.ready)
    }
}

impl Reading {
    async fn start(connection: &Connection, queue: &str, most: u16) -> Result<Self, Fault> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(most, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                queue.into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self { channel, consumer, held: AtomicU16::new(0) })
    }

    fn is_full(&self, most: u16) -> bool {
        self.held.load(Ordering::Relaxed) >= most
    }

    /// Keeps what was read, and makes no use of the room that a removal leaves.
    async fn take_no_more(&self) -> Result<(), Fault> {
        let options = BasicCancelOptions::default();
        Ok(self.channel.basic_cancel(self.consumer.tag(), options).await?)
    }
}
