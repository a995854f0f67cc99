//! Looking at queues from outside, without the management plugin.

use lapin::Connection;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;

use crate::config::BrokerConfig;
use crate::dial::{Dialer, close, close_channel};
use crate::fault::{Fault, FaultKind};

/// Looks at queues over one connection.
#[derive(Debug)]
pub struct Inspector {
    pub(crate) connection: Connection,
}

/// What AMQP tells about a queue.
///
/// Messages that a consumer holds, or that the broker is dead-lettering, are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    /// Messages that wait.
    pub ready: u64,
    /// Consumers.
    pub consumers: u32,
}

/// Why a queue cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// No node of the broker answered.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] Fault),
    /// The user may not look at the queue, or nobody else than its owner may. From
    /// RabbitMQ 4.2.6 on a look takes some right to the queue.
    #[error("queue {queue} may not be looked at")]
    Refused {
        /// The queue.
        queue: String,
        /// What the broker said.
        #[source]
        source: Fault,
    },
    /// The connection was lost.
    #[error("the broker was lost while looking at queue {queue}")]
    Lost {
        /// The queue.
        queue: String,
        /// What was heard last.
        #[source]
        source: Fault,
    },
}

impl InspectError {
    /// Whether the broker could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost { .. } => true,
            Self::Refused { .. } => false,
        }
    }
}

impl Inspector {
    /// Dials each node once.
    pub async fn connect(config: &BrokerConfig) -> Result<Self, InspectError> {
        let connection = Dialer::new(config, "fanfare status")
            .connect_once()
            .await
            .map_err(InspectError::Unreachable)?;
        Ok(Self { connection })
    }

    /// How much waits in `queue`; `None` when there is no such queue.
    pub async fn depth(&self, queue: &str) -> Result<Option<QueueDepth>, InspectError> {
        found(queue, depth_of(&self.connection, queue).await)
    }

    /// Whether `queue` hands its messages to one consumer at a time; `None` when there is no
    /// such queue. Takes the right to read it.
    ///
    /// AMQP cannot be asked for a queue's arguments, but such a queue refuses to give out a
    /// single message. Another one gives one, which goes back to its place and has been handed
    /// over once more then: not to be asked again and again.
    pub async fn is_single_active(&self, queue: &str) -> Result<Option<bool>, InspectError> {
        let looked = match get_one(&self.connection, queue).await {
            Err(fault) if fault.is_locked() => Ok(true),
            Err(fault) => Err(fault),
            Ok(()) => Ok(false),
        };
        found(queue, looked)
    }

    /// Disconnects.
    pub async fn close(self) {
        close(&self.connection).await;
    }
}

/// What a look at `queue` found; `None` when there is no such queue.
pub(crate) fn found<T>(queue: &str, looked: Result<T, Fault>) -> Result<Option<T>, InspectError> {
    let source = match looked {
        Ok(found) => return Ok(Some(found)),
        Err(fault) if fault.is_not_found() => return Ok(None),
        Err(fault) => fault,
    };
    let queue = queue.to_owned();
    Err(match source.kind() {
        FaultKind::Refused { .. } => InspectError::Refused { queue, source },
        FaultKind::Closed { .. } | FaultKind::Lost => InspectError::Lost { queue, source },
    })
}

/// Takes a message, if there is one, and gives it back.
async fn get_one(connection: &Connection, queue: &str) -> Result<(), Fault> {
    let channel = connection.create_channel().await?;
    channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
    close_channel(channel).await;
    Ok(())
}

/// Looks at one queue, on a channel of its own: a missing queue closes it.
pub(crate) async fn depth_of(connection: &Connection, queue: &str) -> Result<QueueDepth, Fault> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    let depth =
        QueueDepth { ready: declared.message_count().into(), consumers: declared.consumer_count() };
    close_channel(channel).await;
    Ok(depth)
}
