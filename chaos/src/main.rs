//! `cargo xtask chaos` once everything is built: one run, and its report.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use fanfare_chaos::plan::draw as draw_plan;
use fanfare_chaos::report::{Report, draw};
use fanfare_chaos::stage::Programs;
use fanfare_chaos::{Options, run};
use fanfare_process::{install_crypto_provider, shutdown};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask chaos", bin_name = "cargo xtask chaos", about = ABOUT)]
struct Arguments {
    /// What the faults are drawn from; the same seed, the same faults
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How long load and faults are kept up; from three minutes on every kind of fault occurs
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,

    /// Events a second
    #[arg(long, default_value_t = 160)]
    rate: u32,

    /// Write the report as JSON to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Draw faults, rates and backlog over time into this file, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,

    /// Write report.txt, report.json and report.svg into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Keep logs and journals, which are kept anyway when something failed
    #[arg(long)]
    keep: bool,

    /// Take consumers and `fanfare` from this folder, such as another target/debug
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

const ABOUT: &str = "Breaks everything that can break, by a seed and under load, and shows that \
                     nothing is lost";

/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    install_crypto_provider();
    let stop = CancellationToken::new();
    drop(shutdown::on_signals(stop.clone())?);
    // Dropping the run ends every process that it has started.
    match stop.run_until_cancelled(perform(&arguments)).await {
        Some(code) => code,
        None => {
            say("stopped before the end; nothing is left running");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

async fn perform(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let length = Duration::try_from_secs_f64(arguments.minutes * 60.0)
        .context("--minutes takes a number of minutes")?;
    let folder = tempfile::Builder::new().prefix("fanfare-chaos-").tempdir()?;
    let options = Options {
        plan: draw_plan(arguments.seed, length),
        rate: arguments.rate,
        programs: Programs::find(arguments.programs.as_deref())?,
        folder: folder.path().to_owned(),
    };
    let ran = run(&options, say).await;
    let (facts, broker) = match ran {
        Ok(ran) => ran,
        Err(error) => {
            say(&format!("the logs are in {}", folder.keep().display()));
            return Err(error);
        }
    };
    let report = Report::of(facts, broker, folder.path().to_owned());
    print(&report.text());
    write(arguments, &report)?;
    if arguments.keep || !report.holds {
        say(&format!("kept {}", folder.keep().display()));
    } else {
        folder.close().context("the folder of the run cannot be removed")?;
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(arguments: &Arguments, report: &Report) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(report)?;
    let mut files = Vec::new();
    if let Some(folder) = &arguments.out {
        fs::create_dir_all(folder)?;
        files.push((folder.join("report.txt"), report.text()));
        files.push((folder.join("report.json"), json.clone()));
        files.push((folder.join("report.svg"), draw(report)));
    }
    files.extend(arguments.json.iter().map(|path| (path.clone(), json.clone())));
    files.extend(arguments.picture.iter().map(|path| (path.clone(), draw(report))));
    for (path, content) in files {
        fs::write(&path, content)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

fn say(what: &str) {
    eprintln!("chaos: {what}");
}

fn print(text: &str) {
    println!("{text}");
}
