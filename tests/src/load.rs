//! A producer that goes on publishing, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    confirmed: Arc<AtomicUsize>,
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
        let confirmed = Arc::<AtomicUsize>::default();
        let publishing = publish(producer.clone(), pause, enough.clone(), Arc::clone(&confirmed));
        Self { publishing: tokio::spawn(publishing), enough, confirmed }
    }

    /// How many were answered `Ok` until now.
    pub fn confirmed(&self) -> usize {
        self.confirmed.load(Ordering::Relaxed)
    }

    /// Publishes no more, and waits for the answers that are missing.
    pub async fn stop(self) -> Published {
        self.enough.cancel();
        let answers = within("the last answers", self.publishing).await;
        Published { answers: answers.expect("publishing does not panic") }
    }
}

async fn publish(
    producer: Producer,
    pause: Duration,
    enough: CancellationToken,
    confirmed: Arc<AtomicUsize>,
) -> Vec<Answer> {
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
        let confirmed = Arc::clone(&confirmed);
        waiting.spawn(async move {
            let receipt = producer.publish(&event).await;
            confirmed.fetch_add(usize::from(receipt.is_ok()), Ordering::Relaxed);
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
    /// Everything that was published, all of which was confirmed.
    ///
    /// # Panics
    ///
    /// Where a publish ended in an error.
    pub fn all_confirmed(&self) -> Vec<Event> {
        for Answer { event, receipt, .. } in &self.answers {
            if let Err(error) = receipt {
                panic!("{} was not confirmed: {error}", event.id());
            }
        }
        self.answers.iter().map(|answer| answer.event.clone()).collect()
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
