//! What is measured.

use std::path::PathBuf;

use anyhow::Context;
use serde::Serialize;
use tokio::process::{Child, Command};

use crate::broker::{Bench, DESTINATION, NAMESPACE};
use crate::sink::Sink;

/// A consumer to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Variant {
    /// lapin and reqwest as their READMEs put them together.
    Naive,
    /// The whole engine.
    Engine,
    /// The same with its ledger in Redis.
    SharedLedger,
    /// The same with a hundred events in one call.
    Batches,
}

/// Calls at the same time, for all.
pub(crate) const IN_FLIGHT: usize = 64;
/// Deliveries that are not settled, where a call takes one. The engine's own default is half of
/// it, which costs it about a twentieth of its rate.
const PREFETCH: &str = "256";
const BATCH: &str = "100";

impl Variant {
    pub(crate) const ALL: [Self; 4] =
        [Self::Naive, Self::Engine, Self::SharedLedger, Self::Batches];
    /// Those that make a call for each event.
    pub(crate) const SINGLE: [Self; 3] = [Self::Naive, Self::Engine, Self::SharedLedger];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive loop",
            Self::Engine => "engine",
            Self::SharedLedger => "Redis ledger",
            Self::Batches => "batches",
        }
    }

    /// Starts it as a process of its own, whose CPU and memory can be read.
    pub(crate) fn start(self, bench: &Bench, sink: &Sink) -> anyhow::Result<Child> {
        let mut command = match self {
            Self::Naive => Self::naive(bench, sink)?,
            Self::Engine | Self::SharedLedger | Self::Batches => self.engine(bench, sink)?,
        };
        command.kill_on_drop(true).spawn().context("the variant cannot be started")
    }

    fn naive(bench: &Bench, sink: &Sink) -> anyhow::Result<Command> {
        let mut command = Command::new(beside("bench-naive")?);
        command
            .args(["--amqp-url", bench.url(), "--queue", &bench.queue()])
            .args(["--sink", &sink.url(), "--prefetch", PREFETCH])
            .args(["--in-flight", &IN_FLIGHT.to_string()]);
        Ok(command)
    }

    fn engine(self, bench: &Bench, sink: &Sink) -> anyhow::Result<Command> {
        let mut command = Command::new(beside("bench-engine")?);
        command
            .env("FANFARE_AMQP_URL", bench.url())
            .env("FANFARE_NAMESPACE", NAMESPACE)
            .env("FANFARE_DESTINATION", DESTINATION)
            .env("FANFARE_MAX_CONCURRENCY", IN_FLIGHT.to_string())
            .env("FANFARE_LOG", "warn")
            .env("BENCH_SINK_URL", sink.url());
        match self {
            // A batching destination knows how many it needs at hand.
            Self::Batches => command.env("BENCH_BATCH", BATCH),
            _ => command.env("FANFARE_PREFETCH", PREFETCH),
        };
        if self == Self::SharedLedger {
            command.env("FANFARE_LEDGER", bench.redis_url());
        }
        Ok(command)
    }
}

/// A program that was built together with this one.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    anyhow::ensure!(path.exists(), "{} is not built", path.display());
    Ok(path)
}
