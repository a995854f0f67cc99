//! `cargo xtask`: what a newcomer and CI run, with everything that is missing provisioned first.

mod bench;
mod cargo;
mod chaos;
mod demo;
mod planted;
mod test;
mod versions;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about, version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measures the engine against a loop that anybody would write first
    Bench(bench::Arguments),
    /// Breaks everything that can break, by a seed and under load, and shows that nothing is lost
    Chaos(chaos::Arguments),
    /// Plays the main job end to end: publish, fail, retry, replay, and a balance at the end
    Demo(demo::Arguments),
    /// Runs every test, against a broker that is found or started first
    Test(test::Arguments),
    /// Runs the stories of the broker against every line of RabbitMQ that is supported
    Versions(versions::Arguments),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().task {
        Task::Bench(arguments) => bench::run(arguments),
        Task::Chaos(arguments) => chaos::run(arguments),
        Task::Demo(arguments) => demo::run(arguments).await,
        Task::Test(arguments) => test::run(arguments).await,
        Task::Versions(arguments) => versions::run(arguments).await,
    }
}
