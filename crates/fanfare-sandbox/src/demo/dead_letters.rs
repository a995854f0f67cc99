//! What the dead-letter queues hold, read without changing them.

use anyhow::Context;
use fanfare_broker::{BrokerConfig, Browser, Cause, DestinationNames, Received};
use fanfare_events::{DestinationName, Event, IdempotencyKey};

/// A dead letter.
#[derive(Clone, Debug)]
pub(super) struct DeadLetter {
    pub(super) id: String,
    /// `None` when its body is no event.
    pub(super) key: Option<IdempotencyKey>,
    pub(super) cause: Option<Cause>,
    pub(super) reason: String,
}

/// All dead letters of a destination.
pub(super) async fn read(
    config: &BrokerConfig,
    names: &DestinationNames,
    destination: &DestinationName,
) -> anyhow::Result<Vec<DeadLetter>> {
    let queue = names.dead();
    let mut browser = Browser::open(config, &queue)
        .await
        .with_context(|| format!("queue {queue} cannot be read"))?;
    let mut letters = Vec::new();
    while let Some(browsed) = browser.next().await? {
        letters.push(DeadLetter::of(&browsed.message, destination));
    }
    let left = browser.left();
    browser.close().await;
    anyhow::ensure!(left == 0, "somebody else holds {left} messages of queue {queue}");
    Ok(letters)
}

impl DeadLetter {
    fn of(message: &Received, destination: &DestinationName) -> Self {
        let event = Event::from_json(message.body()).ok();
        Self {
            id: message.id().to_owned(),
            key: event.map(|event| IdempotencyKey::of(&event, destination)),
            cause: message.cause(),
            reason: message.reason().unwrap_or_default().to_owned(),
        }
    }
}
