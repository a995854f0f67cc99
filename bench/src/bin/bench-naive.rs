//! The baseline: lapin and reqwest as their READMEs put them together.
//!
//! It acks each delivery singly after a 2xx and gives up on anything else. No
//! retries, no reconnect, no deduplication: what is measured against is fast because
//! it does little.

use anyhow::Context;
use clap::Parser;
use futures_util::StreamExt;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};

#[derive(Debug, Parser)]
struct Arguments {
    #[arg(long)]
    amqp_url: String,
    #[arg(long)]
    queue: String,
    #[arg(long)]
    sink: String,
    #[arg(long)]
    in_flight: usize,
    #[arg(long)]
    prefetch: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    fanfare_process::install_crypto_provider();
    let connection =
        Connection::connect(&arguments.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.basic_qos(arguments.prefetch, BasicQosOptions::default()).await?;
    let consumer = channel
        .basic_consume(
            arguments.queue.as_str().into(),
            "naive".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (client, sink) = (&client, arguments.sink.as_str());
    consumer
        .for_each_concurrent(arguments.in_flight, async |delivery| {
            if let Err(error) = deliver(client, sink, delivery).await {
                eprintln!("bench-naive: {error:#}");
            }
        })
        .await;
    Ok(())
}

async fn deliver(
    client: &reqwest::Client,
    sink: &str,
    delivery: Result<lapin::message::Delivery, lapin::Error>,
) -> anyhow::Result<()> {
    let delivery = delivery?;
    let answer = client.post(sink).body(delivery.data).send().await?;
    answer.error_for_status()?;
    delivery.acker.ack(BasicAckOptions::default()).await.context("not acked")?;
    Ok(())
}
