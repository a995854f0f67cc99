//! Reading a stream: from where, and at which place.

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, Consumer};
use tracing::warn;

use super::notice::Notice;
use crate::fault::Fault;
use crate::topology::headers;

/// A control log that is being read.
pub(super) struct Reading {
    pub(super) channel: Channel,
    consumer: Consumer,
    queue: String,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At the first message that is kept.
    First,
    /// At what was published together with the last message, which is mostly it alone.
    Last,
}

/// A message of the log.
pub(super) struct Entry {
    pub(super) place: u64,
    /// `None` where it cannot be read, which has been logged.
    pub(super) notice: Option<Notice>,
    pub(super) tag: u64,
}

/// Messages that the broker hands over before it hears of the first. Streams are read
/// with acks, and with a limit, though nothing is ever taken out of them.
const PREFETCH: u16 = 200;

impl Reading {
    pub(super) async fn open(
        connection: &Connection,
        queue: &str,
        start: Start,
    ) -> Result<Self, Fault> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let mut arguments = FieldTable::default();
        arguments
            .insert(headers::STREAM_OFFSET.into(), AMQPValue::LongString(start.as_str().into()));
        let options = BasicConsumeOptions::default();
        let consumer = channel.basic_consume(queue.into(), "".into(), options, arguments).await?;
        Ok(Self { channel, consumer, queue: queue.to_owned() })
    }

    /// The next message; loses nothing when it is dropped before it ends.
    pub(super) async fn next(&mut self) -> Result<Entry, Fault> {
        let Some(delivery) = self.consumer.next().await else {
            return Err(Fault::lost("the broker cancelled the consumer: its log was deleted"));
        };
        let delivery = delivery?;
        let place = place(&delivery)?;
        let notice = Notice::from_body(&delivery.data).inspect_err(|error| {
            warn!(queue = %self.queue, place, %error, "Ignoring what is no notice");
        });
        Ok(Entry { place, notice: notice.ok(), tag: delivery.delivery_tag })
    }

    /// Makes room for one more; nothing is taken out of the log.
    pub(super) async fn passed(&self, tag: u64) -> Result<(), Fault> {
        Ok(self.channel.basic_ack(tag, BasicAckOptions { multiple: false }).await?)
    }
}

impl Start {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

fn place(delivery: &Delivery) -> Result<u64, Fault> {
    let headers = delivery.properties.headers().as_ref();
    match headers.and_then(|headers| headers.inner().get(headers::STREAM_OFFSET)) {
        Some(AMQPValue::LongLongInt(place)) if *place >= 0 => Ok(*place as u64),
        _ => Err(Fault::lost("the control log is no stream")),
    }
}
