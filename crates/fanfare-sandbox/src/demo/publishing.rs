//! Publishing everything through one producer, without waiting for one event to start the next.

use fanfare_events::Event;
use fanfare_producer::Producer;
use futures_util::{StreamExt, stream};

use super::board::Board;
use super::chain;

/// Events without a confirm at any time, as in the producer's own default.
const WINDOW: usize = 1000;

/// What became of publishing.
#[derive(Debug, Default)]
pub(super) struct Published {
    /// What the broker has.
    pub(super) confirmed: Vec<Event>,
    /// What it may not have, and why.
    pub(super) unconfirmed: Vec<String>,
}

/// Publishes `events` and waits for every confirm.
pub(super) async fn publish(producer: &Producer, events: &[Event], board: &Board) -> Published {
    let mut published = Published::default();
    let mut answers = stream::iter(events)
        .map(async |event| (event, producer.publish(event).await))
        .buffered(WINDOW);
    while let Some((event, answer)) = answers.next().await {
        match answer {
            Ok(_) => {
                board.published();
                published.confirmed.push(event.clone());
            }
            Err(error) => {
                let why = chain(&error);
                published.unconfirmed.push(format!("{} was not confirmed: {why}", event.id()));
            }
        }
    }
    published
}
