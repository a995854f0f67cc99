//! `cargo xtask chaos --planted NAME`: shows that a bug does not get past the oracle.
//!
//! A bug is a patch in `chaos/planted`, which says the invariant that it violates. The sources are
//! copied, the patch is applied to the copy, and what is built of it takes part in a run that has
//! to fail of that invariant. The sources themselves know of no bug.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use crate::cargo::cargo;

/// A bug to plant.
struct Bug {
    patch: PathBuf,
    /// The invariant that it violates, such as `I5`.
    violates: String,
}

/// What is read of a run's report.
#[derive(Deserialize)]
struct Report {
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    invariant: String,
    offended: u64,
    offences: Vec<Offence>,
}

#[derive(Deserialize)]
struct Offence {
    what: String,
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const BUGS: &str = "chaos/planted";
const VIOLATES: &str = "Violates: ";

/// What the engine's code is in.
const BUILT: [&str; 5] = [
    "fanfare-consumer-hubspot",
    "fanfare-consumer-sendgrid",
    "fanfare-consumer-webhook",
    "fanfare-cli",
    "fanfare-chaos",
];

/// Ends with 0 when the bug was caught by the invariant that it violates.
pub(crate) fn run(name: &str, rest: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let bug = Bug::find(name)?;
    let chaos = env::current_exe()?.with_file_name("fanfare-chaos");
    let place = chaos.ancestors().nth(2).context("no target folder")?.join("planted");
    let sources = place.join("sources");
    copy_to(&sources)?;
    bug.apply_to(&sources)?;
    let target = place.join("target");
    build(&sources, &target)?;

    let report = place.join("report.json");
    remove_if_there(&report)?;
    let ended = Command::new(&chaos)
        .args(rest)
        .arg("--programs")
        .arg(target.join("debug"))
        .arg("--json")
        .arg(&report)
        .status()
        .with_context(|| format!("{} cannot be run", chaos.display()))?;
    let report = fs::read_to_string(&report)
        .with_context(|| format!("the run ended with {ended} and without a report"))?;
    verdict(name, &bug, &serde_json::from_str(&report)?)
}

fn verdict(name: &str, bug: &Bug, report: &Report) -> anyhow::Result<ExitCode> {
    for finding in report.findings.iter().filter(|finding| finding.offended > 0) {
        let first = finding.offences.first().map_or("", |offence| &offence.what);
        let Finding { invariant, offended, .. } = finding;
        eprintln!("planted: {name} was caught by {invariant}, {offended} times, such as: {first}");
    }
    let violated = |finding: &Finding| finding.invariant == bug.violates && finding.offended > 0;
    if report.findings.iter().any(violated) {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("planted: {name} violates {} and got past it", bug.violates);
    Ok(ExitCode::FAILURE)
}

impl Bug {
    fn find(name: &str) -> anyhow::Result<Self> {
        let folder = Path::new(ROOT).join(BUGS);
        let patch = folder.join(format!("{name}.patch"));
        let Ok(text) = fs::read_to_string(&patch) else {
            bail!("there is no bug {name}, but {}", names(&folder)?.join(", "));
        };
        let violates = text.lines().find_map(|line| line.strip_prefix(VIOLATES));
        let violates = violates.with_context(|| format!("{name} does not say what it violates"))?;
        Ok(Self { patch: patch.canonicalize()?, violates: violates.to_owned() })
    }

    fn apply_to(&self, sources: &Path) -> anyhow::Result<()> {
        let applied = Command::new("git")
            .arg("apply")
            .arg(&self.patch)
            .current_dir(sources)
            // Or git would look for the repository that the copy lies in, and pass over it.
            .env("GIT_CEILING_DIRECTORIES", sources.parent().unwrap_or(sources))
            .status()
            .context("git cannot be run")?;
        ensure!(applied.success(), "{} does not fit the sources any more", self.patch.display());
        Ok(())
    }
}

fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "patch") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Copies what git tracks, and touches nothing that is the same: what was built stays built.
fn copy_to(sources: &Path) -> anyhow::Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(ROOT)
        .stderr(Stdio::inherit())
        .output()
        .context("git cannot be run")?;
    ensure!(listed.status.success(), "git does not list the sources");
    let listed = String::from_utf8(listed.stdout)?;
    let tracked: BTreeSet<&str> = listed.split_terminator('\0').collect();
    for path in &tracked {
        let (from, to) = (Path::new(ROOT).join(path), sources.join(path));
        if !from.exists() {
            remove_if_there(&to)?;
            continue;
        }
        let content = fs::read(&from).with_context(|| format!("{path} cannot be read"))?;
        if fs::read(&to).ok().as_ref() != Some(&content) {
            fs::create_dir_all(to.parent().unwrap_or(sources))?;
            fs::write(&to, content).with_context(|| format!("{path} cannot be copied"))?;
        }
    }
    remove_others(sources, sources, &tracked)
}

/// What a patch or an earlier copy left.
fn remove_others(folder: &Path, root: &Path, tracked: &BTreeSet<&str>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, root, tracked)?;
        } else if !tracked.contains(path.strip_prefix(root)?.to_string_lossy().as_ref()) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn build(sources: &Path, target: &Path) -> anyhow::Result<()> {
    let built = cargo("build", false)
        .arg("--bins")
        .args(BUILT.map(|package| format!("--package={package}")))
        .current_dir(sources)
        .env("CARGO_TARGET_DIR", target)
        .status()
        .context("cargo cannot be run")?;
    ensure!(built.success(), "the bug does not compile");
    Ok(())
}

fn remove_if_there(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
