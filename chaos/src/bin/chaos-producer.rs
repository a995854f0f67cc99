//! An originating service for `cargo xtask chaos`: publishes until SIGTERM, and keeps a journal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use fanfare_broker::BrokerConfig;
use fanfare_chaos::load::{Direct, Order, produce};
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
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { amqp_url, namespace, producer, rate, journal } = Arguments::parse();
    let stop = CancellationToken::new();
    drop(shutdown::on_signals(stop.clone())?);
    let broker = BrokerConfig::from_urls(&amqp_url, false)?;
    let way_in = Direct::connect(broker, &namespace, &format!("chaos producer {producer}"))?;
    produce(way_in, &Order { producer, rate, journal }, stop).await?;
    Ok(ExitCode::SUCCESS)
}
