//! Collects what the oracle judges, when everything has come to rest.

use std::collections::HashMap;

use anyhow::Context;
use fanfare_broker::{Browser, Received};
use fanfare_events::{DestinationName, Event, IdempotencyKey};

use crate::facts::{AtDestination, DeadLetter, Published};
use crate::inject::BAD_PRODUCER;
use crate::load::{DESTINATIONS, Entry, Name, Said, committed, event, read};
use crate::oracle::contents_of;
use crate::stage::{PRODUCERS, Stage};

/// What the producers know, and what was published twice on purpose.
pub async fn published(stage: &Stage, twice: &[u64]) -> anyhow::Result<Vec<Published>> {
    let mut published = Vec::new();
    for producer in 0..PRODUCERS {
        let path = stage.producers.journal(producer);
        let entries = read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut of_this_one = of_journal(producer, &entries);
        if let Some(database) = stage.producers.database(producer) {
            let committed = committed(&database).await?;
            of_this_one.iter_mut().for_each(|one| one.look_into_outbox(&committed));
        }
        published.extend(of_this_one);
    }
    published.extend(twice.iter().map(|number| Published {
        name: Name { producer: BAD_PRODUCER, number: *number },
        begun_ms: 0.0,
        answered_ms: Some(0.0),
        is_confirmed: true,
        is_ruled_out: false,
        routed: None,
        copies: 2,
    }));
    Ok(published)
}

/// What one journal says of each event.
fn of_journal(producer: u32, entries: &[Entry]) -> Vec<Published> {
    let mut places = HashMap::new();
    let mut published: Vec<Published> = Vec::new();
    for entry in entries {
        if entry.said == Said::Begun {
            places.insert(entry.number, published.len());
            published.push(Published {
                name: Name { producer, number: entry.number },
                begun_ms: entry.at_ms,
                answered_ms: None,
                is_confirmed: false,
                is_ruled_out: false,
                routed: None,
                copies: 1,
            });
            continue;
        }
        let Some(known) = places.get(&entry.number).map(|place| &mut published[*place]) else {
            continue;
        };
        known.answered_ms = Some(entry.at_ms);
        match entry.said {
            Said::Confirmed { routed } => {
                (known.is_confirmed, known.routed) = (true, Some(routed));
            }
            Said::Committed => known.is_confirmed = true,
            Said::RolledBack => known.is_ruled_out = true,
            Said::Begun | Said::Failed => {}
        }
    }
    published
}

impl Published {
    /// The table knows of commits whose answer nobody lived to hear, and when the broker had
    /// confirmed an event, which is on its way in until then.
    fn look_into_outbox(&mut self, committed: &HashMap<String, Option<f64>>) {
        let row = committed.get(event(self.name).id().as_str());
        self.is_ruled_out |= row.is_none() && !self.is_confirmed;
        self.is_confirmed |= row.is_some();
        self.answered_ms = row.copied().flatten();
    }
}

/// What became of the events at one destination.
pub async fn at_destination(
    stage: &Stage,
    destination: usize,
    shares_ledger: bool,
) -> anyhow::Result<AtDestination> {
    let api = stage.apis.of(destination);
    let calls = api.log();
    let last_seq = calls.last().map_or(0, |call| call.seq);
    Ok(AtDestination {
        shares_ledger,
        unlogged: last_seq - calls.len() as u64,
        tallies: api.effects().keys,
        contents: contents_of(destination, &api.state(), &calls),
        calls,
        dead: dead_letters(stage, destination).await?,
    })
}

/// The dead letters of a destination, which stay where they are.
pub async fn dead_letters(stage: &Stage, destination: usize) -> anyhow::Result<Vec<DeadLetter>> {
    let name: DestinationName = DESTINATIONS[destination].name.parse()?;
    let letters = messages(stage, &stage.names(destination).dead()).await?;
    Ok(letters.iter().map(|message| DeadLetter::of(message, &name)).collect())
}

/// The messages of a queue, which stay where they are.
pub async fn messages(stage: &Stage, queue: &str) -> anyhow::Result<Vec<Received>> {
    let mut browser = Browser::open(stage.config(), queue)
        .await
        .with_context(|| format!("queue {queue} cannot be read"))?;
    let mut messages = Vec::new();
    while let Some(browsed) = browser.next().await? {
        messages.push(browsed.message);
    }
    let left = browser.left();
    browser.close().await;
    anyhow::ensure!(left == 0, "somebody else holds {left} messages of queue {queue}");
    Ok(messages)
}

impl DeadLetter {
    fn of(message: &Received, destination: &DestinationName) -> Self {
        let event = Event::from_json(message.body()).ok();
        Self {
            id: message.id().to_owned(),
            key: event.map(|event| IdempotencyKey::of(&event, destination).to_string()),
            cause: message.cause(),
            reason: message.reason().unwrap_or_default().to_owned(),
            status: message.status(),
            attempts: message.attempts(),
            dead_at_ms: message.dead_at_ms().unwrap_or_default() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_begun_before_a_kill_may_have_been_published_and_what_was_confirmed_was() {
        let entry = |number, at_ms, said| Entry { number, at_ms, said };
        let published = of_journal(
            1,
            &[
                entry(0, 1.0, Said::Begun),
                entry(1, 2.0, Said::Begun),
                entry(0, 3.0, Said::Confirmed { routed: true }),
                entry(2, 4.0, Said::Begun),
                entry(2, 5.0, Said::Failed),
            ],
        );
        let seen: Vec<_> = published
            .iter()
            .map(|one| (one.name.number, one.is_confirmed, one.answered_ms, one.routed))
            .collect();
        assert_eq!(
            seen,
            [(0, true, Some(3.0), Some(true)), (1, false, None, None), (2, false, Some(5.0), None)]
        );
    }

    #[test]
    fn of_an_outbox_the_table_has_the_last_word() {
        let name = |number| Name { producer: 2, number };
        let saids = [
            (0, Said::Committed),
            (1, Said::Committed),
            (2, Said::RolledBack),
            (3, Said::RolledBack),
            (4, Said::Failed),
            (5, Said::Failed),
        ];
        let entries: Vec<_> = saids
            .iter()
            .flat_map(|(number, said)| [(*number, Said::Begun), (*number, *said)])
            .map(|(number, said)| Entry { number, at_ms: 1.0, said })
            .collect();
        let row = |number, sent_ms| (event(name(number)).id().to_string(), sent_ms);
        let committed = HashMap::from([row(0, Some(9.0)), row(3, Some(9.0)), row(5, None)]);
        let mut published = of_journal(2, &entries);
        published.iter_mut().for_each(|one| one.look_into_outbox(&committed));
        let seen: Vec<_> = published
            .iter()
            .map(|one| (one.is_confirmed, one.is_ruled_out, one.answered_ms))
            .collect();
        let expected = [
            (true, false, Some(9.0)),
            // Committed, and its row is gone: it has to arrive, and will not.
            (true, false, None),
            (false, true, None),
            // Rolled back, and its row is there: it must not arrive, and will.
            (true, true, Some(9.0)),
            (false, true, None),
            (true, false, None),
        ];
        assert_eq!(seen, expected);
    }
}
