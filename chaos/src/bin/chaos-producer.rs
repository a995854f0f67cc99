//! An originating service for `cargo xtask chaos`: publishes until SIGTERM, directly or through an
//! outbox, and keeps a journal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fanfare_broker::BrokerConfig;
use fanfare_chaos::load::{Direct, Order, ThroughOutbox, produce};
use fanfare_process::shutdown;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    amqp_url: String,
    #[arg(long)]
    namespace: String,
    #[arg(long)]
    producer: u32,
    #[arg(long)]
    rate: u32,
    #[arg(long)]
    journal: PathBuf,
    /// The database with the outbox; without one it publishes directly.
    #[arg(long)]
    outbox: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { amqp_url, namespace, producer, rate, journal, outbox } = Arguments::parse();
    let stop = CancellationToken::new();
    drop(shutdown::on_signals(stop.clone())?);
    let broker = BrokerConfig::from_urls(&amqp_url, false)?;
    let name = format!("chaos producer {producer}");
    let order = Order { producer, rate, journal };
    match outbox {
        None => produce(Direct::connect(broker, &namespace, &name)?, &order, stop).await?,
        Some(url) => {
            let way_in = ThroughOutbox::open(&url, broker, &namespace, &name).await?;
            produce(way_in, &order, stop).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
