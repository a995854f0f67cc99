//! A service whose sign-ups reach every API, whatever dies on the way: an axum form, SQLite and
//! an outbox. `sign-up-service [AMQP_URL] [DATABASE_FILE]`
//!
//! A visitor waits for one transaction in the service's own database. The broker may be away
//! meanwhile, and so may every API.

mod page;
mod sign_up;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::{get, post};
use fanfare_producer::outbox::SqliteOutbox;
use fanfare_producer::{Producer, ProducerConfig};
use sqlx::SqlitePool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What every request needs.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    database: SqlitePool,
    outbox: SqliteOutbox,
}

const ADDRESS: &str = "127.0.0.1:8090";

const USERS: &str = "CREATE TABLE IF NOT EXISTS users \
    (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, first_name TEXT) STRICT";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next();
    let broker = broker.as_deref().unwrap_or("amqp://guest:guest@127.0.0.1:5672/%2f");
    let file = arguments.next();
    let file = file.as_deref().unwrap_or("sign-up.db");

    let database = SqlitePool::connect_with(SqliteOutbox::connect_options(file))
        .await
        .with_context(|| format!("{file} cannot be opened"))?;
    sqlx::query(USERS).execute(&database).await?;
    let outbox = SqliteOutbox::new(database.clone());
    outbox.migrate().await?;

    // The relay publishes what is in the outbox. The service starts without its broker, too.
    let (producer, stop) =
        (Producer::start(ProducerConfig::new(broker)?), CancellationToken::new());
    let relay = tokio::spawn(outbox.relay(producer.clone()).run(stop.clone()));

    let routes = Router::new()
        .route("/", get(async || Html(page::form(""))))
        .route("/sign-up", post(sign_up::sign_up))
        .route("/outbox", get(waiting))
        .with_state(Service { database, outbox });
    let listener =
        TcpListener::bind(ADDRESS).await.with_context(|| format!("{ADDRESS} is taken"))?;
    println!("http://{ADDRESS}/ is the form, http://{ADDRESS}/outbox tells what waits");
    axum::serve(listener, routes)
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
        .await?;

    stop.cancel();
    relay.await?;
    producer.close().await;
    Ok(())
}

/// `GET /outbox`
async fn waiting(State(service): State<Service>) -> String {
    match service.outbox.status().await {
        Ok(status) => {
            let oldest = status.oldest.unwrap_or_default().as_secs();
            format!("{} to be published, the oldest for {oldest} s\n", status.pending)
        }
        Err(error) => format!("the outbox cannot be read: {error}\n"),
    }
}
