//! The operator's part: looks at dead letters and replays some, with the tool and nothing else.

use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;
use tokio::time::timeout;

use crate::facts::{DeadLetter, Replay, Replayed};
use crate::gather;
use crate::load::DESTINATIONS;
use crate::stage::{NAMESPACE, Programs, Stage};

/// Whoever operates.
#[derive(Debug)]
pub struct Operator<'a> {
    programs: &'a Programs,
    stage: &'a Stage,
}

/// The answer of the APIs that an operator has had mended.
const MENDED: u16 = 501;

/// A replay is cut off after so long, which is in its middle or before it.
const CUT_AFTER: Duration = Duration::from_millis(120);
const PATIENCE: Duration = Duration::from_secs(60);
/// The queue's last reader may not be quite gone yet.
const TRIES: usize = 4;

impl<'a> Operator<'a> {
    /// With the tool of these programs.
    pub fn new(programs: &'a Programs, stage: &'a Stage) -> Self {
        Self { programs, stage }
    }

    /// What the tool shows of each destination's dead letters.
    pub async fn listings(&self) -> anyhow::Result<Vec<(String, String)>> {
        let mut listings = Vec::new();
        for (destination, spec) in DESTINATIONS.iter().enumerate() {
            let listed = self.run(&["dlq", "list", "-d", spec.name, "--limit", "1000"]).await?;
            listings.push((format!("fanfare dlq list -d {}", spec.name), text(&listed)));
            let letters = gather::dead_letters(self.stage, destination).await?;
            if let Some(letter) = letters.iter().find(|letter| is_mended(destination, letter)) {
                let shown = self.run(&["dlq", "show", "-d", spec.name, &letter.id]).await?;
                listings.push((format!("fanfare dlq show -d {}", spec.name), text(&shown)));
            }
        }
        Ok(listings)
    }

    /// Replays what was refused with 501: once cut off by a kill, then to the end.
    pub async fn replay(&self) -> anyhow::Result<Replay> {
        let mut replay = Replay::default();
        for (destination, spec) in DESTINATIONS.iter().enumerate() {
            let letters = gather::dead_letters(self.stage, destination).await?;
            replay.letters.extend(letters.iter().filter_map(|one| replayed(destination, one)));
            let status = spec.refusal(MENDED).to_string();
            let arguments = [
                "dlq", "replay", "-d", spec.name, "--cause", "rejected", "--status", &status,
                "--yes",
            ];
            self.cut_off(&arguments).await?;
            let complaint = self.to_the_end(&arguments).await?;
            replay.complaint = replay.complaint.or(complaint);
        }
        replay.letters.sort_by(|one, other| one.key.cmp(&other.key));
        replay.letters.dedup_by(|one, other| one.key == other.key);
        Ok(replay)
    }

    async fn cut_off(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut child = self.command(arguments).spawn().context("`fanfare` cannot be started")?;
        // One that is done by then needs no kill.
        if timeout(CUT_AFTER, child.wait()).await.is_err() {
            child.kill().await.context("`fanfare` cannot be killed")?;
        }
        Ok(())
    }

    /// What it complained of in the end, if it did.
    async fn to_the_end(&self, arguments: &[&str]) -> anyhow::Result<Option<String>> {
        let mut complaint = None;
        for _ in 0..TRIES {
            let output = self.run(arguments).await?;
            if output.status.success() {
                return Ok(None);
            }
            complaint = Some(text(&output));
        }
        Ok(complaint)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let output = self.command(arguments).output();
        timeout(PATIENCE, output)
            .await
            .with_context(|| format!("fanfare {} does not end", arguments.join(" ")))?
            .context("`fanfare` cannot be run")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.operator());
        command
            .args(arguments)
            .env_clear()
            .env("FANFARE_AMQP_URL", self.stage.url())
            .env("FANFARE_NAMESPACE", NAMESPACE)
            .env("FANFARE_AUDIT_LOG", self.stage.folder().join("audit.ndjson"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

fn replayed(destination: usize, letter: &DeadLetter) -> Option<Replayed> {
    let key = letter.key.clone().filter(|_| is_mended(destination, letter))?;
    let id = letter.id.clone();
    Some(Replayed { destination, id, key, accepted: 0, effects: 0, is_dead: false })
}

fn is_mended(destination: usize, letter: &DeadLetter) -> bool {
    letter.status == Some(DESTINATIONS[destination].refusal(MENDED))
}

fn text(output: &Output) -> String {
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&said).into_owned()
}
