//! The originating service: publishes at a rate, and never more at once than it may.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::event::Name;
use super::journal::{self, Journal, Said};
use super::way_in::WayIn;

/// What a producer is told.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who it is.
    pub producer: u32,
    /// Events a second, unless confirms come later.
    pub rate: u32,
    /// Where it writes down what it knows.
    pub journal: PathBuf,
}

/// Events without an answer at any time.
const WINDOW: usize = 256;

/// Hands over event after event until `stop`, then waits for the answers that are missing.
///
/// Numbers go on where the journal ends: what was begun before a kill is not published again,
/// as a service that does not know better would do.
pub async fn produce<W: WayIn>(
    way_in: W,
    order: &Order,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let known = journal::read(&order.journal).context("the journal cannot be read")?;
    let mut next = known.iter().map(|entry| entry.number + 1).max().unwrap_or(0);
    let mut journal = Journal::open(&order.journal).context("the journal cannot be written")?;
    let period = Duration::from_secs(1) / order.rate.max(1);
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some((number, said)) = under_way.next() => journal.answered(number, said),
            _ = ticks.tick(), if under_way.len() < WINDOW => {
                journal.begin(next).context("the journal cannot be written")?;
                under_way.push(hand_over(&way_in, Name { producer: order.producer, number: next }));
                next += 1;
            }
        }
        if under_way.len() == WINDOW {
            // What could not begin in time is not made up for: the load is bounded by answers.
            ticks.reset();
        }
    }
    while let Some((number, said)) = under_way.next().await {
        journal.answered(number, said);
    }
    drop(under_way);
    way_in.close().await;
    journal.close().context("the journal cannot be written")
}

async fn hand_over<W: WayIn>(way_in: &W, name: Name) -> (u64, Said) {
    (name.number, way_in.hand_over(name).await)
}
