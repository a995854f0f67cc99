//! Builds the programs of the demo, and asks cargo where they are.

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, ensure};
use fanfare_sandbox::demo::Programs;
use serde::Deserialize;
use tokio::process::Command;

const PACKAGES: [&str; 3] =
    ["fanfare-cli", "fanfare-consumer-hubspot", "fanfare-consumer-sendgrid"];

/// What cargo says about something that it built, as far as it is of interest here.
#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
}

/// Builds them with the dev profile; cargo's progress goes to stderr.
pub(super) async fn programs() -> anyhow::Result<Programs> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--message-format", "json-render-diagnostics", "--bins"])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("cargo cannot be run")?;
    ensure!(output.status.success(), "the programs cannot be built");
    let messages = String::from_utf8_lossy(&output.stdout);
    let built = messages.lines().filter_map(|line| serde_json::from_str::<Built>(line).ok());
    let executables: Vec<_> = built.filter_map(|built| built.executable).collect();
    let program = |name: &str| {
        let found =
            executables.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
        found.cloned().with_context(|| format!("cargo built no {name}"))
    };
    Ok(Programs {
        hubspot: program("fanfare-consumer-hubspot")?,
        sendgrid: program("fanfare-consumer-sendgrid")?,
        operator: program("fanfare")?,
    })
}
