//! A service that tells everybody of a registration: `sign-up ada@example.org`.

use anyhow::Context;
use fanfare_events::{Event, UserRegistered};
use fanfare_producer::{Producer, ProducerConfig};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let email = std::env::args().nth(1).context("usage: sign-up EMAIL [AMQP_URL]")?;
    let broker = std::env::args().nth(2);
    let broker = broker.as_deref().unwrap_or("amqp://guest:guest@127.0.0.1:5672/%2f");

    let producer = Producer::connect(ProducerConfig::new(broker)?).await?;
    let user = UserRegistered {
        user_id: "42".into(),
        email,
        registered_at: time::OffsetDateTime::now_utc(),
        first_name: None,
        last_name: None,
        locale: None,
    };
    let receipt = producer.publish(&Event::of("/sign-up", &user)?).await?;
    println!("{} is safe with the broker", receipt.id);
    producer.close().await;
    Ok(())
}
