//! A producer that goes on publishing, whatever happens.

use std::time::Duration;

use fanfare_events::Event;
use fanfare_producer::{Producer, PublishError, Receipt};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::events::registered;
use crate::wait::within;

/// Publishes one registration after the other, each with a confirm of its own.
#[derive(Debug)]
pub struct Load {
    enough: CancellationToken,
    publishing: JoinHandle<Vec<Answer>>,
}

#[derive(Debug)]
struct Answer {
    event: Event,
    at: Instant,
    receipt: Result<Receipt, PublishError>,
}

/// What was published, in the order of the answers.
#[derive(Debug)]
pub struct Published {
    answers: Vec<Answer>,
}

impl Load {
    /// Publishes an event each `pause` from now on, users 1, 2, 3 …
    pub fn start(producer: &Producer, pause: Duration) -> Self {
        let enough = CancellationToken::new();
        let publishing = publish(producer.clone(), pause, enough.clone());
        Self { publishing: tokio::spawn(publishing), enough }
    }

    /// Publishes no more, and waits for the answers that are missing.
    pub async fn stop(self) -> Published {
        self.enough.cancel();
        let answers = within("the last answers", self.publishing).await;
        Published { answers: answers.expect("publishing does not panic") }
    }
}

async fn publish(producer: Producer, pause: Duration, enough: CancellationToken) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut waiting = JoinSet::new();
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1.. {
        tokio::select! {
            () = enough.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let (producer, event) = (producer.clone(), registered(number));
        waiting.spawn(async move {
            let receipt = producer.publish(&event).await;
            Answer { event, at: Instant::now(), receipt }
        });
        while let Some(answer) = waiting.try_join_next() {
            answers.push(answer.expect("publishing does not panic"));
        }
    }
    while let Some(answer) = waiting.join_next().await {
        answers.push(answer.expect("publishing does not panic"));
    }
    answers
}

impl Published {
    /// Everything that was published, where all of it was confirmed.
    ///
    /// # Panics
    ///
    /// Where a publish ended in an error.
    pub fn all_confirmed(&self) -> Vec<Event> {
        for answer in &self.answers {
            if let Err(error) = &answer.receipt {
                panic!("{} was not confirmed: {error}", answer.event.id());
            }
        }
        self.confirmed()
    }

    /// What was answered `Ok`.
    pub fn confirmed(&self) -> Vec<Event> {
        let confirmed = self.answers.iter().filter(|answer| answer.receipt.is_ok());
        confirmed.map(|answer| answer.event.clone()).collect()
    }

    /// How many answers `Ok` came between two moments.
    pub fn confirmed_between(&self, begin: Instant, end: Instant) -> usize {
        let within = |answer: &&Answer| answer.receipt.is_ok() && (begin..end).contains(&answer.at);
        self.answers.iter().filter(within).count()
    }

    /// The longest time without an answer `Ok` that ended after `begin` and before `end`.
    pub fn longest_pause(&self, begin: Instant, end: Instant) -> Duration {
        let mut moments: Vec<_> = self
            .answers
            .iter()
            .filter(|answer| answer.receipt.is_ok())
            .map(|answer| answer.at)
            .collect();
        moments.sort_unstable();
        let pauses = moments.windows(2).filter(|pair| pair[1] > begin && pair[1] < end);
        pauses.map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}
