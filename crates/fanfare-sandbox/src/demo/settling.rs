//! Waiting until every event has come to its end.

use std::time::Duration;

use anyhow::{Context, bail};
use fanfare_broker::topology::Level;
use fanfare_broker::{BrokerConfig, DestinationNames, Inspector};
use tokio::time::{Instant, sleep};

use super::board::Board;
use super::consumers::Consumers;

/// What one event may take, with every pause of the demo's schedule and then some.
const PATIENCE: Duration = Duration::from_secs(90);
/// What each event may add to it, on a slow machine.
const PATIENCE_PER_EVENT: Duration = Duration::from_millis(20);

/// Longer than any pause, hold or call of the demo's schedule: if nothing was reported for so
/// long and nothing waits, a report was lost on the way, not an event.
const QUIET: Duration = Duration::from_secs(10);

const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is looked at while waiting.
#[derive(Debug)]
pub(super) struct Settling<'a> {
    pub(super) board: &'a Board,
    pub(super) config: &'a BrokerConfig,
    pub(super) destinations: &'a [DestinationNames],
    pub(super) events: usize,
}

impl Settling<'_> {
    /// Waits until every event has come to its end, or until it is clear that some will not:
    /// the balance then says which.
    pub(super) async fn wait(&self, consumers: &mut Consumers) -> anyhow::Result<()> {
        let events = u32::try_from(self.events).unwrap_or(u32::MAX);
        let deadline = Instant::now() + PATIENCE + PATIENCE_PER_EVENT.saturating_mul(events);
        while !self.board.is_settled() && Instant::now() < deadline {
            if let Some(lost) = consumers.lost() {
                bail!("the {} consumer has ended; its log is {}", lost.name, lost.log.display());
            }
            if self.board.quiet_for() > QUIET && self.nothing_waits().await? {
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn nothing_waits(&self) -> anyhow::Result<bool> {
        let inspector =
            Inspector::connect(self.config).await.context("queues cannot be looked at")?;
        let mut waiting = 0;
        for names in self.destinations {
            let delays = Level::all().map(|level| names.delay(level));
            for queue in std::iter::once(names.queue().to_owned()).chain(delays) {
                waiting += inspector.depth(&queue).await?.map_or(0, |depth| depth.ready);
            }
        }
        inspector.close().await;
        Ok(waiting == 0)
    }
}
