//! Waiting until a consumer that was started as a program is ready.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use serde_json::Value;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::healthcheck::healthcheck;

/// Declaring a topology takes a second or two, several on a busy machine.
const START: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Said by a consumer once its admin endpoints are served.
const SERVING: &str = "serving /livez";

/// Where its admin endpoints are, once it says that it is ready.
///
/// It writes its log to `log`, as JSON, and serves its admin endpoints on a port of its choice.
pub async fn until_ready(child: &mut Child, log: &Path) -> anyhow::Result<String> {
    let deadline = Instant::now() + START;
    let mut not_ready = anyhow::anyhow!("it has not said where its admin endpoints are");
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            bail!("it ended ({status}): {}", last_line(log));
        }
        if let Some(address) = admin_address(log) {
            let url = format!("http://{address}");
            match healthcheck(&format!("{url}/readyz")).await {
                Ok(()) => return Ok(url),
                Err(error) => not_ready = error.into(),
            }
        }
        sleep(LOOK_EVERY).await;
    }
    Err(not_ready.context(format!("not ready after {} s", START.as_secs())))
}

/// Where it says that its admin endpoints are.
pub fn admin_address(log: &Path) -> Option<String> {
    let log = fs::read_to_string(log).ok()?;
    let line = log.lines().find(|line| line.contains(SERVING))?;
    let line: Value = serde_json::from_str(line).ok()?;
    line["address"].as_str().map(str::to_owned)
}

fn last_line(log: &Path) -> String {
    let log = fs::read_to_string(log).unwrap_or_default();
    log.lines().last().unwrap_or("it said nothing").to_owned()
}
