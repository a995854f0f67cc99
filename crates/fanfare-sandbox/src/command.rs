//! The command line of `fanfare-sandbox`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::healthcheck::healthcheck;
use crate::mock::{self, Api, Options, RateLimit};
use crate::proxy::{self, Faults};

/// Mock APIs and a fault proxy, for development and tests.
#[derive(Debug, Parser)]
#[command(name = "fanfare-sandbox", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a mock of a downstream API until SIGTERM.
    Mock(MockArgs),
    /// Forward TCP connections, with faults, until SIGTERM.
    Proxy(ProxyArgs),
    /// Exit 0 when a GET of the URL is answered with 2xx.
    Healthcheck {
        /// Such as <http://127.0.0.1:9101/_health>
        url: String,
    },
}

#[derive(Debug, clap::Args)]
struct MockArgs {
    /// Which API.
    api: ApiName,
    /// Where to listen; port 0 picks a free one, and the choice is printed.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The bearer token to accept; without it, any is accepted.
    #[arg(long, env = "FANFARE_SANDBOX_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The vendor's rate limit: requests in every ten seconds.
    #[arg(long, value_name = "REQUESTS")]
    rate_limit: Option<u32>,
    /// A contact property that the account has besides HubSpot's own; may be repeated.
    #[arg(long = "property", value_name = "NAME")]
    properties: Vec<String>,
    /// Keep no log and count no effects.
    #[arg(long)]
    no_log: bool,
}

#[derive(Debug, clap::Args)]
struct ProxyArgs {
    /// Where to listen; port 0 picks a free one, and the choice is printed.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Where to forward to.
    #[arg(long, value_name = "ADDR")]
    to: SocketAddr,
    /// Delay every byte, in both directions.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Up to this much more delay, at random.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    jitter_ms: u64,
    /// Bytes a second, per connection and direction.
    #[arg(long, value_name = "BYTES")]
    bandwidth: Option<std::num::NonZeroU64>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ApiName {
    /// CRM contacts.
    Hubspot,
    /// Mail.
    Sendgrid,
    /// Takes everything.
    Sink,
}

/// Does what the command line asks, until done or until `shutdown`.
pub async fn run(cli: Cli, shutdown: CancellationToken) -> anyhow::Result<()> {
    match cli.command {
        Command::Mock(args) => {
            let listener = listen("mock", args.listen).await?;
            let options = Options {
                token: args.token,
                rate_limit: args.rate_limit.map(RateLimit::per_ten_seconds),
                properties: args.properties,
                log: !args.no_log,
                ..Options::default()
            };
            let api = match args.api {
                ApiName::Hubspot => Api::HubSpot,
                ApiName::Sendgrid => Api::SendGrid,
                ApiName::Sink => Api::Sink,
            };
            mock::run(listener, api, options, shutdown).await;
        }
        Command::Proxy(args) => {
            let listener = listen("proxy", args.listen).await?;
            let faults = Faults {
                latency: Duration::from_millis(args.latency_ms),
                jitter: Duration::from_millis(args.jitter_ms),
                bandwidth: args.bandwidth,
                ..Faults::default()
            };
            proxy::run(listener, args.to, faults, shutdown).await;
        }
        Command::Healthcheck { url } => {
            healthcheck(&url).await.with_context(|| format!("{url} is not healthy"))?;
        }
    }
    Ok(())
}

/// The address goes to standard output, where a script that asked for port 0 finds it.
async fn listen(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("{what} cannot listen on {address}"))?;
    println!("{what} listens on {}", listener.local_addr()?);
    Ok(listener)
}
