//! Looks at everything twice a second while the run goes on.

mod processes;
mod queues;

use std::time::Duration;

use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use processes::Doctor;
pub use processes::Usage;
pub use queues::Queues;

use crate::clock::now_ms;
use crate::load::{DESTINATIONS, Said, read_from};
use crate::stage::{PRODUCERS, Stage};

/// What was seen at one moment; what could not be looked at is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// When.
    pub at_ms: f64,
    /// Events confirmed until then.
    pub confirmed: u64,
    /// Events accepted by each API until then.
    pub accepted: [u64; 3],
    /// Messages that waited for each destination's consumers.
    pub ready: [Option<u64>; 3],
    /// Its dead letters.
    pub dead: [Option<u64>; 3],
}

/// Everything that was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Recording {
    /// In order of time.
    pub samples: Vec<Sample>,
    /// Memory and descriptors of every process, in order of time.
    pub usage: Vec<Usage>,
    /// The first second of the load, to count from.
    pub began_ms: f64,
}

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks until `stop`.
pub async fn watch(stage: &Stage, stop: CancellationToken) -> anyhow::Result<Recording> {
    let mut recording = Recording { began_ms: now_ms(), ..Recording::default() };
    let mut queues = Queues::new(stage);
    let mut doctor = Doctor::new()?;
    let mut journals = vec![(0_u64, 0_u64); PRODUCERS as usize];
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let at_ms = now_ms();
        for (producer, (offset, confirmed)) in (0..).zip(&mut journals) {
            let new = read_from(&stage.producers.journal(producer), offset)?;
            *confirmed += new.iter().filter(|one| is_confirm(one.said)).count() as u64;
        }
        let mut sample = Sample {
            at_ms,
            confirmed: journals.iter().map(|(_, confirmed)| confirmed).sum(),
            ..Sample::default()
        };
        for destination in 0..DESTINATIONS.len() {
            sample.accepted[destination] = stage.apis.of(destination).totals().accepted;
        }
        (sample.ready, sample.dead) = queues.look().await;
        recording.samples.push(sample);
        let lives = stage.consumers.lives(&stage.register).await?;
        let lives: Vec<_> = lives.into_iter().chain(stage.producers.lives().await).collect();
        recording.usage.extend(doctor.look(&lives, now_ms()).await);
    }
    Ok(recording)
}

fn is_confirm(said: Said) -> bool {
    matches!(said, Said::Confirmed { .. } | Said::Committed)
}
