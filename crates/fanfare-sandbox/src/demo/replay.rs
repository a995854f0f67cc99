//! The operator's part: `fanfare dlq replay`, as a person would call it.

use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::process::Command;

use super::options::Options;

/// The last object that `fanfare dlq replay --json` prints.
#[derive(Debug, Deserialize)]
struct Summary {
    replayed: usize,
    failed: usize,
    held_by_others: usize,
}

/// The queue's last reader may not be quite gone yet.
const TRIES: usize = 3;

/// What is typed to replay the dead letters of a destination whose attempts were used up.
pub(super) fn arguments(destination: &str) -> [&str; 7] {
    ["dlq", "replay", "-d", destination, "--cause", "exhausted", "--yes"]
}

/// Replays them, and returns how many there were.
pub(super) async fn run(options: &Options, destination: &str) -> anyhow::Result<usize> {
    let mut replayed = 0;
    for _ in 0..TRIES {
        let summary = run_once(options, destination).await?;
        replayed += summary.replayed;
        if summary.failed > 0 {
            bail!("{} dead letters of {destination} could not be replayed", summary.failed);
        }
        if summary.held_by_others == 0 {
            return Ok(replayed);
        }
    }
    bail!("somebody else holds dead letters of {destination}")
}

async fn run_once(options: &Options, destination: &str) -> anyhow::Result<Summary> {
    let output = Command::new(&options.programs.operator)
        .args(arguments(destination))
        .arg("--json")
        .env_clear()
        .env("FANFARE_AMQP_URL", &options.amqp_url)
        .env("FANFARE_NAMESPACE", &options.namespace)
        .env("FANFARE_AUDIT_LOG", options.folder.join("audit.ndjson"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{} cannot be run", options.programs.operator.display()))?;
    let answer = String::from_utf8_lossy(&output.stdout);
    let last = answer.lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("fanfare dlq replay ended ({}) saying: {}", output.status, said.trim())
    })
}
