//! `cargo xtask versions`: the stories that depend on the broker, against each line of RabbitMQ.
//!
//! The oldest line is the package of Debian 12, in a process; the others run in containers, from
//! images that `.ci/rabbitmq-image` makes of Debian's packages. No registry is asked.

mod lines;
mod report;

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use fanfare_sandbox::broker::{BrokerNode, Wishes};
use fanfare_sandbox::docker::Engine;
use fanfare_sandbox::redis;

use crate::cargo::cargo;
use crate::test::{self, exit_code, say};
use lines::{Line, Source};
use report::{Report, Row};

/// What is told here depends on what the broker does: its confirms, returns, alarms and streams,
/// who is handed what again after a crash, what becomes of what is delayed, dead or in order.
const STORIES: [&str; 8] = [
    "broker::",
    "crashes::a_broker",
    "crashes::an_event",
    "retry::",
    "dead_letters::",
    "ordered::a_few",
    "ordered::blocked::",
    "replicas::a_pause_is",
];

/// At a time. They wait for a broker more than they work: a third of a core for one of them.
const THREADS: &str = "4";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The lines of RabbitMQ to try, separated by commas; all by default
    #[arg(long = "lines", env = "FANFARE_VERSIONS", value_delimiter = ',')]
    lines: Vec<String>,

    /// Parts of the names of stories, instead of those that depend on the broker
    stories: Vec<String>,
}

/// Ends with 0 if every story came true with every line.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let lines = match lines::chosen(&arguments.lines) {
        Ok(lines) => lines,
        Err(unknown) => bail!("there is no line {unknown} here, only {}", names(&lines::LINES)),
    };
    let contained: Vec<_> = lines.iter().copied().filter(|line| line.image().is_some()).collect();
    if !contained.is_empty() && !Engine::answers().await {
        return again_with_an_engine(&contained).await;
    }

    let built = test::build_programs(false)?;
    if !built.success() {
        return Ok(exit_code(built));
    }
    let built = tests(&mut cargo("test", false), "--no-run").status();
    let built = built.context("cargo cannot be run")?;
    if !built.success() {
        return Ok(exit_code(built));
    }
    make_images(&contained)?;
    redis::install_if_missing().await.context("there is no Redis to test with")?;

    let stories = match arguments.stories.as_slice() {
        [] => STORIES.map(str::to_owned).to_vec(),
        chosen => chosen.to_vec(),
    };
    let mut report = Report::default();
    for line in lines {
        report.add(try_out(line, &stories).await?);
    }
    println!("\n{report}");
    Ok(if report.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs this program once more, since only its environment tells it where an engine is.
async fn again_with_an_engine(contained: &[Line]) -> anyhow::Result<ExitCode> {
    say("starting a Docker engine");
    let engine = Engine::start().await.with_context(|| {
        format!(
            "there is no Docker engine for RabbitMQ {} in containers; FANFARE_VERSIONS names the \
             lines to try, and FANFARE_VERSIONS=3.10 leaves containers out",
            names(contained)
        )
    })?;
    let this = env::current_exe().context("this program cannot be found again")?;
    let ended = Command::new(this)
        .args(env::args_os().skip(1))
        .env("DOCKER_HOST", engine.host())
        .status()
        .context("this program cannot be run again")?;
    say("ending the Docker engine");
    drop(engine);
    Ok(exit_code(ended))
}

/// All at once: most of the time they wait for a mirror and for the disk.
fn make_images(lines: &[Line]) -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/rabbitmq-image");
    let started = Instant::now();
    let mut builds = Vec::new();
    for line in lines {
        if let Source::Image { suite } = line.source {
            let mut build = Command::new("bash");
            build.arg(&script).args([suite, line.name]).stdin(Stdio::null());
            builds.push((line, build.spawn().context("bash cannot be run")?));
        }
    }
    let mut missing = Vec::new();
    for (line, mut build) in builds {
        if !build.wait().context("a build of an image cannot be waited for")?.success() {
            missing.push(*line);
        }
    }
    if !missing.is_empty() {
        bail!("there is no image of RabbitMQ {}", names(&missing));
    }
    if !lines.is_empty() {
        say(&format!("images are there after {} s", started.elapsed().as_secs()));
    }
    Ok(())
}

async fn try_out(line: Line, stories: &[String]) -> anyhow::Result<Row> {
    let image = line.image();
    let wishes = Wishes { url: None, image: image.clone() };
    let node = BrokerNode::own(&wishes, "").await.context("there is no broker to test with")?;
    let version = node.version().await.context("the broker does not say its version")?;
    if !line.has(&version) {
        bail!(
            "this is RabbitMQ {version} and not {0}; FANFARE_VERSIONS can leave {0} out",
            line.name
        );
    }
    say(&format!("telling the stories to RabbitMQ {version}"));
    let started = Instant::now();
    let mut command = test::tests_with(&node, false);
    // Stories that kill a broker of their own take the same one.
    match &image {
        Some(image) => command.env("FANFARE_RABBITMQ_IMAGE", image),
        None => command.env_remove("FANFARE_RABBITMQ_IMAGE"),
    };
    let mut running = tests(&mut command, "--")
        .args(stories)
        .args(["--test-threads", THREADS])
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be run")?;
    let mut row = Row::new(version);
    let output = running.stdout.take().context("the output of the tests is piped")?;
    for line in BufReader::new(output).lines() {
        let line = line.context("the output of the tests cannot be read")?;
        println!("{line}");
        row.read(&line);
    }
    let ended = running.wait().context("the tests cannot be waited for")?;
    node.end();
    Ok(row.ended(ended.success(), started.elapsed()))
}

/// Of the whole workspace, so that nothing is built anew with the features of a part of it.
fn tests<'a>(cargo_test: &'a mut Command, argument: &str) -> &'a mut Command {
    cargo_test.args(["--workspace", "--test", "it", argument])
}

fn names(lines: &[Line]) -> String {
    lines.iter().map(|line| line.name).collect::<Vec<_>>().join(", ")
}
