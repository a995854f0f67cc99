//! Reading a queue from front to back without changing it.
//!
//! Everything read stays unacked until the browser closes, and then returns to its
//! place: on a quorum queue with a delivery limit, order and count are what they
//! were. `basic.get` would do as well but is one round trip a message.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};

use crate::config::BrokerConfig;
use crate::dial::{Dialer, close};
use crate::fault::Fault;
use crate::received::Received;

/// Reads the messages that were in a queue when it was opened.
#[derive(Debug)]
pub struct Browser {
    connection: Connection,
    queue: String,
    channels: Vec<(Channel, Consumer)>,
    /// How many the last channel may still hand over.
    room: u16,
    per_channel: u16,
    left: u64,
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
const PER_CHANNEL: u16 = 50_000;

/// When nothing comes for so long, another reader holds the rest.
const QUIET: Duration = Duration::from_secs(3);

impl Browser {
    /// Opens `queue` for reading.
    pub async fn open(config: &BrokerConfig, queue: &str) -> Result<Self, BrowseError> {
        Self::open_with(config, queue, PER_CHANNEL).await
    }

    async fn open_with(
        config: &BrokerConfig,
        queue: &str,
        per_channel: u16,
    ) -> Result<Self, BrowseError> {
        let connection = Dialer::new(config, format!("fanfare reads {queue}"))
            .connect_once()
            .await
            .map_err(BrowseError::Unreachable)?;
        let refused = |source: Fault| BrowseError::Refused { queue: queue.to_owned(), source };
        let left = ready(&connection, queue).await.map_err(refused)?;
        Ok(Self {
            connection,
            queue: queue.to_owned(),
            channels: Vec::new(),
            room: 0,
            per_channel,
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
        if self.room == 0 {
            let opened = self.consume_on_another_channel().await;
            opened.map_err(|source| BrowseError::Refused { queue: self.queue.clone(), source })?;
        }
        let channel = self.channels.len() - 1;
        let (_, consumer) = &mut self.channels[channel];
        let lost = |source| BrowseError::Lost { queue: self.queue.clone(), source };
        match tokio::time::timeout(QUIET, consumer.next()).await {
            Err(_) => Ok(None),
            Ok(None) => Err(lost(Fault::lost("the broker cancelled the consumer"))),
            Ok(Some(Err(error))) => Err(lost(error.into())),
            Ok(Some(Ok(delivery))) => {
                self.left -= 1;
                self.room -= 1;
                let tag = delivery.delivery_tag;
                Ok(Some(Browsed { message: Received::new(delivery), channel, tag }))
            }
        }
    }

    /// Takes a message that was read out of the queue for good.
    pub async fn remove(&self, browsed: Browsed) -> Result<(), BrowseError> {
        let (channel, _) = &self.channels[browsed.channel];
        channel
            .basic_ack(browsed.tag, BasicAckOptions { multiple: false })
            .await
            .map_err(|error| BrowseError::Lost { queue: self.queue.clone(), source: error.into() })
    }

    /// Returns what was read to its place.
    pub async fn close(self) {
        // First read, first returned: that keeps the order.
        for (channel, _) in &self.channels {
            if let Err(error) = channel.close(200, "done".into()).await {
                tracing::debug!(%error, "A channel was gone before it could be closed");
            }
        }
        close(&self.connection).await;
    }

    async fn consume_on_another_channel(&mut self) -> Result<(), Fault> {
        let channel = self.connection.create_channel().await?;
        channel.basic_qos(self.per_channel, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                self.queue.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        self.channels.push((channel, consumer));
        self.room = self.per_channel;
        Ok(())
    }
}

async fn ready(connection: &Connection, queue: &str) -> Result<u64, Fault> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(declared.message_count().into())
}
