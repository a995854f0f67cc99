//! The API of the benchmark: answers everything with 200, in a process of its own.

use std::net::TcpListener;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use tokio::process::{Child, Command};

use crate::variant::beside;

/// A running sink.
#[derive(Debug)]
pub(crate) struct Sink {
    _process: Child,
    base: String,
    client: reqwest::Client,
}

#[derive(Debug, Deserialize)]
struct Totals {
    accepted: u64,
}

impl Sink {
    /// Starts one that takes `latency_ms` for each answer.
    pub(crate) async fn start(latency_ms: u64) -> anyhow::Result<Self> {
        fanfare_process::install_crypto_provider();
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new(beside("fanfare-sandbox")?)
            .args(["mock", "sink", "--listen", &address])
            .kill_on_drop(true)
            .spawn()
            .context("the sink cannot be started")?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        let sink = Self { _process: process, base: format!("http://{address}"), client };
        sink.until_up().await?;
        let control = format!(r#"{{"latency_ms":{latency_ms}}}"#);
        sink.client
            .put(format!("{}/_control", sink.base))
            .header("content-type", "application/json")
            .body(control)
            .send()
            .await?
            .error_for_status()?;
        Ok(sink)
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/", self.base)
    }

    /// Events since the last [`Self::forget`].
    pub(crate) async fn events(&self) -> anyhow::Result<u64> {
        let answer = self.client.get(format!("{}/_totals", self.base)).send().await?;
        let body = answer.error_for_status()?.text().await?;
        let totals: Totals = serde_json::from_str(&body)?;
        Ok(totals.accepted)
    }

    pub(crate) async fn forget(&self) -> anyhow::Result<()> {
        self.client.delete(format!("{}/_log", self.base)).send().await?.error_for_status()?;
        Ok(())
    }

    async fn until_up(&self) -> anyhow::Result<()> {
        for _ in 0..500 {
            if self.client.get(format!("{}/_health", self.base)).send().await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("the sink does not answer")
    }
}
