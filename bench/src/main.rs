//! `cargo xtask bench`: the engine and the baseline in turn, on one broker and one sink.
//!
//! Rates of different runs, days and machines cannot be compared; ratios within one
//! run can. So every round measures both, one after the other, and the report leads
//! with the ratio.

mod broker;
mod measure;
mod outbox;
mod picture;
mod report;
mod sink;
mod variant;

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::broker::Bench;
use crate::report::{Figures, Report};
use crate::sink::Sink;
use crate::variant::Variant;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measures the engine against a naive loop")]
struct Arguments {
    /// Deliveries of each variant in each round
    #[arg(long, default_value_t = 30_000)]
    deliveries: usize,
    /// Rounds; each measures every variant once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Events waiting when the consumer's memory is looked at
    #[arg(long, default_value_t = 200_000)]
    backlog: usize,
    /// Deliveries against the API that takes 20 ms
    #[arg(long, default_value_t = 20_000)]
    slow_deliveries: usize,
    /// Only outboxes: what a relay reaches of publishing directly, and what an insert costs
    #[arg(long)]
    outbox: bool,
    /// Rows that were sent and are not yet deleted, for the second half of what --outbox measures
    #[arg(long, default_value_t = 500_000)]
    old_rows: usize,
    /// Folder for report.txt, report.json and report.svg
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// A running broker, instead of a private one
    #[arg(long, env = "FANFARE_TEST_AMQP_URL", hide_env_values = true)]
    amqp_url: Option<String>,
}

/// How long the slow API takes, in milliseconds.
const SLOW_API_MS: u64 = 20;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let bench = Bench::start(arguments.amqp_url.clone()).await?;
    if arguments.outbox {
        let Arguments { deliveries, rounds, old_rows, .. } = arguments;
        let report = outbox::measure(&bench, deliveries, rounds, old_rows).await?;
        report.write(&arguments.out).context("the report cannot be written")?;
        print!("{}", report.text());
        return Ok(());
    }
    let sink = Sink::start(0).await?;
    let mut report = Report::new(&bench, arguments.deliveries);

    for round in 1..=arguments.rounds {
        for variant in Variant::ALL {
            let figures = measure::rate(&bench, &sink, variant, arguments.deliveries).await?;
            eprintln!("bench: round {round}, {}: {figures}", variant.name());
            report.fast.push((variant, figures));
        }
    }
    drop(sink);

    let slow = Sink::start(SLOW_API_MS).await?;
    for variant in Variant::SINGLE {
        let figures = measure::rate(&bench, &slow, variant, arguments.slow_deliveries).await?;
        eprintln!("bench: API of {SLOW_API_MS} ms, {}: {figures}", variant.name());
        report.slow.push((variant, figures));
    }
    let figures = memory(&bench, &slow, arguments.backlog).await?;
    eprintln!("bench: with {} waiting, engine: {figures}", arguments.backlog);
    report.backlog = Some((arguments.backlog, figures));

    report.write(&arguments.out).context("the report cannot be written")?;
    print!("{}", report.text());
    Ok(())
}

/// The engine's memory while a large backlog waits behind it.
async fn memory(bench: &Bench, sink: &Sink, backlog: usize) -> anyhow::Result<Figures> {
    bench.fill(backlog).await?;
    let figures = measure::part(bench, sink, Variant::Engine, backlog / 10).await?;
    bench.empty().await?;
    Ok(figures)
}
