//! `cargo xtask test`: one broker for all test processes, a Redis and a PostgreSQL to start, then
//! `cargo test`.

use std::ffi::OsString;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::Instant;

use anyhow::Context;
use fanfare_sandbox::broker::{BrokerNode, NODE_HOME_VARIABLE, Wishes};
use fanfare_sandbox::{postgres, redis};

use crate::cargo::cargo;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Use this broker instead of finding or starting one
    #[arg(long, env = "FANFARE_TEST_AMQP_URL", hide_env_values = true)]
    amqp_url: Option<String>,

    /// The same, when the tests have no variable of their own
    #[arg(long, hide = true, env = "FANFARE_AMQP_URL", hide_env_values = true)]
    fallback_amqp_url: Option<String>,

    /// The image to start where a Docker engine answers
    #[arg(long, env = "FANFARE_RABBITMQ_IMAGE")]
    image: Option<String>,

    /// Build and test with optimizations
    #[arg(long)]
    release: bool,

    /// Passed on to `cargo test`: part of a test's name, or options such as `-p PACKAGE`
    #[arg(allow_hyphen_values = true)]
    cargo_arguments: Vec<OsString>,

    /// Passed on to the test programs, for example `--nocapture`
    #[arg(last = true)]
    test_arguments: Vec<OsString>,
}

/// Ends with the exit code of the tests.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let wishes = Wishes {
        url: filled(arguments.amqp_url).or(filled(arguments.fallback_amqp_url)),
        image: filled(arguments.image),
    };
    let built = build_programs(arguments.release)?;
    if !built.success() {
        return Ok(exit_code(built));
    }

    say("looking for a broker");
    let started = Instant::now();
    let node = BrokerNode::provision(&wishes).await.context("there is no broker to test with")?;
    let version = node.version().await.unwrap_or_else(|_| "of unknown version".to_owned());
    say(&format!("RabbitMQ {version} is ready after {:.1} s", started.elapsed().as_secs_f32()));

    // Here and not in the tests, whose processes would stand in each other's way.
    redis::install_if_missing().await.context("there is no Redis to test with")?;
    postgres::install_if_missing().await.context("there is no PostgreSQL to test with")?;

    let mut tests = tests_with(&node, arguments.release);
    tests.args(arguments.cargo_arguments).arg("--").args(arguments.test_arguments);
    say("running the tests");
    let tested = tests.status().context("cargo cannot be run")?;

    if node.home().is_some() {
        say("ending the broker");
    }
    node.end();
    say(if tested.success() { "all tests passed" } else { "the tests failed" });
    Ok(exit_code(tested))
}

/// The programs first: some tests run the binaries, and no broker waits while they are built.
pub(crate) fn build_programs(release: bool) -> anyhow::Result<ExitStatus> {
    say("building the programs");
    let mut build = cargo("build", release);
    build.args(["--workspace", "--bins"]).status().context("cargo cannot be run")
}

/// `cargo test`, of which nothing is said yet but that all share `node`.
pub(crate) fn tests_with(node: &BrokerNode, release: bool) -> Command {
    let mut tests = cargo("test", release);
    tests.env("FANFARE_TEST_AMQP_URL", node.url());
    if let Some(home) = node.home() {
        tests.env(NODE_HOME_VARIABLE, home);
    }
    tests
}

/// A variable that is set to nothing is meant as not set.
fn filled(value: Option<String>) -> Option<String> {
    value.filter(|text| !text.is_empty())
}

/// A child that was ended by a signal has no code.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}

pub(crate) fn say(what: &str) {
    eprintln!("xtask: {what}");
}
