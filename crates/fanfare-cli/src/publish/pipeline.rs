//! Many events under way at once, each with its own confirm.

use std::io;

use fanfare_events::Event;
use fanfare_process::telemetry::Chain;
use fanfare_producer::{ConnectError, Producer, PublishError, Receipt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::lines::NumberedLine;
use super::shape::Shape;

/// Told about each line.
pub trait PublishReport {
    /// The broker has the event of this line.
    fn published(&mut self, line: u64);

    /// The line is no event, or the broker does not have it.
    fn failed(&mut self, line: u64, why: &str);
}

/// What became of the lines; its JSON form is an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PublishSummary {
    /// Events that the broker has.
    pub published: u64,
    /// Those among them that no destination subscribes to.
    pub unrouted: u64,
    /// Lines that are no event, or whose event the broker does not have.
    pub failed: u64,
}

/// Why publishing could not begin, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum PublishRunError {
    /// The lines.
    #[error("{what} cannot be read")]
    Read {
        /// The file.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The producer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker.
    #[error(transparent)]
    Inspect(#[from] fanfare_broker::InspectError),
    /// The broker takes no more.
    #[error("the broker takes no more events, so the lines that follow were not read")]
    Stopped {
        /// What became of the first event that was not taken.
        #[source]
        source: PublishError,
    },
}

/// Events without a confirm. Each holds its body, so this bounds memory; the knee of
/// RabbitMQ's throughput lies about here.
const WINDOW: usize = 256;

/// Publishes an event for each of `lines`, which are read no faster than that.
///
/// Events are handed to the broker in the order of their lines. Once `stop` is
/// cancelled no further line is read; what is under way is waited for.
pub async fn publish(
    producer: &Producer,
    shape: &Shape,
    lines: &mut mpsc::Receiver<io::Result<NumberedLine>>,
    report: &mut impl PublishReport,
    stop: &CancellationToken,
) -> (PublishSummary, Result<(), PublishRunError>) {
    let mut summary = PublishSummary::default();
    let mut under_way = FuturesUnordered::new();
    let mut ended = None;
    loop {
        let may_begin = ended.is_none() && under_way.len() < WINDOW;
        tokio::select! {
            () = stop.cancelled(), if ended.is_none() => ended = Some(Ok(())),
            line = lines.recv(), if may_begin => match line {
                None => ended = Some(Ok(())),
                Some(Err(source)) => {
                    let what = "the input".to_owned();
                    ended = Some(Err(PublishRunError::Read { what, source }));
                }
                Some(Ok(NumberedLine { number, line })) => match shape.event(&line) {
                    Ok(event) => under_way.push(publish_one(producer, number, event)),
                    Err(error) => {
                        summary.failed += 1;
                        report.failed(number, &Chain(&error).to_string());
                    }
                },
            },
            Some((number, published)) = under_way.next() => {
                let error = settle(number, published, &mut summary, report);
                if let Some(source) = error && matches!(ended, None | Some(Ok(()))) {
                    ended = Some(Err(PublishRunError::Stopped { source }));
                }
            }
            else => break,
        }
    }
    (summary, ended.unwrap_or(Ok(())))
}

async fn publish_one(
    producer: &Producer,
    line: u64,
    event: Event,
) -> (u64, Result<Receipt, PublishError>) {
    (line, producer.publish(&event).await)
}

/// Counts a line. Answers the error that makes it pointless to go on, if it is one.
fn settle(
    line: u64,
    published: Result<Receipt, PublishError>,
    summary: &mut PublishSummary,
    report: &mut impl PublishReport,
) -> Option<PublishError> {
    match published {
        Ok(receipt) => {
            summary.published += 1;
            summary.unrouted += u64::from(!receipt.routed);
            report.published(line);
            None
        }
        Err(error) => {
            summary.failed += 1;
            report.failed(line, &Chain(&error).to_string());
            concerns_all(&error).then_some(error)
        }
    }
}

/// Whether the next event would fare no better.
fn concerns_all(error: &PublishError) -> bool {
    use fanfare_broker::PublishError as Broker;
    matches!(
        error,
        PublishError::Broker(Broker::Unconfirmed { .. } | Broker::Refused { .. } | Broker::Closed)
    )
}

impl PublishRunError {
    /// Whether the broker could not be reached, or was lost.
    pub fn is_unreachable(&self) -> bool {
        use fanfare_broker::PublishError as Broker;
        use fanfare_broker::topology::DeclareError;
        match self {
            Self::Read { .. } => false,
            Self::Connect(ConnectError::Declare(error)) => {
                matches!(error, DeclareError::Unreachable(_))
            }
            Self::Inspect(error) => error.is_unreachable(),
            Self::Stopped { source } => {
                matches!(source, PublishError::Broker(Broker::Unconfirmed { .. }))
            }
        }
    }
}
