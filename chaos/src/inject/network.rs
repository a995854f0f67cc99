//! What happens on the way between the broker and the processes.

use std::time::Duration;

use fanfare_sandbox::proxy::{Counts, Direction, FaultProxy, Faults};
use tokio::time::{Instant, sleep};

use super::Sight;
use crate::plan::Planned;
use crate::stage::Stage;

const LATENCY: Duration = Duration::from_millis(100);
const JITTER: Duration = Duration::from_millis(200);

/// Where nobody is connected at the moment, one waits for who will be.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Every open connection is reset.
pub(super) async fn reset(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let watched = Watched::of(stage, planned);
    let deadline = Instant::now() + PATIENCE;
    while watched.count(|counts| counts.resets) == 0 && Instant::now() < deadline {
        watched.proxy.reset_connections();
        sleep(LOOK_EVERY).await;
    }
    Ok(watched.sight("connections reset", |counts| counts.resets))
}

/// Nothing passes; then all of it, or none of it ever.
pub(super) async fn blackhole(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let watched = Watched::of(stage, planned);
    watched.keep_up(Faults::blackhole(), planned, |counts| counts.withheld).await;
    if planned.variety.is_multiple_of(2) {
        watched.proxy.reset_connections();
    }
    watched.proxy.set(Faults::default());
    Ok(watched.sight("pieces withheld", |counts| counts.withheld))
}

/// The broker hears and is not heard, and what it said is lost.
pub(super) async fn lose_confirms(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let watched = Watched::of(stage, planned);
    let faults = Faults::withhold(Direction::Replies);
    watched.keep_up(faults, planned, |counts| counts.withheld).await;
    watched.proxy.reset_connections();
    watched.proxy.set(Faults::default());
    Ok(watched.sight("pieces of the broker's withheld", |counts| counts.withheld))
}

/// Everything arrives late.
pub(super) async fn slow_down(stage: &Stage, planned: Planned) -> anyhow::Result<Sight> {
    let watched = Watched::of(stage, planned);
    watched.keep_up(Faults::latency(LATENCY, JITTER), planned, |counts| counts.delayed).await;
    watched.proxy.set(Faults::default());
    Ok(watched.sight("pieces late", |counts| counts.delayed))
}

/// A part of the network, and what it had counted before.
struct Watched<'a> {
    proxy: &'a FaultProxy,
    before: Counts,
}

impl<'a> Watched<'a> {
    fn of(stage: &'a Stage, planned: Planned) -> Self {
        let proxy = &stage.proxies[planned.target];
        Self { proxy, before: proxy.counts() }
    }

    fn count(&self, of: impl Fn(&Counts) -> u64) -> u64 {
        of(&self.proxy.counts()) - of(&self.before)
    }

    /// As long as planned, and until somebody has met it.
    async fn keep_up(&self, faults: Faults, planned: Planned, of: impl Fn(&Counts) -> u64) {
        self.proxy.set(faults);
        let started = Instant::now();
        sleep(planned.length()).await;
        while self.count(&of) == 0 && started.elapsed() < planned.length() + PATIENCE {
            sleep(LOOK_EVERY).await;
        }
    }

    fn sight(&self, what: &str, of: impl Fn(&Counts) -> u64) -> Sight {
        let count = self.count(of);
        Sight::new(count, format!("{count} {what}"))
    }
}
