//! `cargo xtask demo`: builds the programs, finds a broker, and lets the sandbox play.

mod build;
mod site;
mod stop;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use fanfare_sandbox::broker::Wishes;
use fanfare_sandbox::demo::{Demo, Events, Options, Programs, Screen, Verdict};

use site::Site;
use stop::{Stop, Stopped};

/// The default, so that the tools need not be told.
const NAMESPACE: &str = "fanfare";

/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// How many registrations are published
    #[arg(long, value_name = "N", default_value_t = 1000, conflicts_with = "file")]
    events: usize,

    /// Publish the CloudEvents in this file instead, one JSON object a line
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// End after the balance instead of staying up until Ctrl-C
    #[arg(long)]
    once: bool,

    /// Print the balance as one JSON object on stdout, and all else on stderr
    #[arg(long)]
    json: bool,

    /// Leave the logs, and the data of a broker that was started, when it ends
    #[arg(long)]
    keep: bool,

    /// Use this broker; the demo makes a vhost of its own there, by the management plugin
    #[arg(long, env = "FANFARE_TEST_AMQP_URL", hide_env_values = true)]
    amqp_url: Option<String>,

    /// The same, when there is no variable for tests and demos
    #[arg(long, hide = true, env = "FANFARE_AMQP_URL", hide_env_values = true)]
    fallback_amqp_url: Option<String>,

    /// The image to start where a Docker engine answers
    #[arg(long, env = "FANFARE_RABBITMQ_IMAGE")]
    image: Option<String>,

    /// Set to anything, colours are off
    #[arg(long, env = "NO_COLOR", hide = true)]
    no_color: Option<String>,
}

const AFTER_HELP: &str = "\
The balance, as --json prints it:
  {\"published\":N,\"destinations\":{\"hubspot\":{\"delivered\":…,\"dead\":…,\"replayed\":…},…},\"balanced\":true}
  published   events that the broker confirmed
  delivered   events that the API has at the end, counted there by idempotency key
  dead        events in the dead-letter queue at the end
  replayed    events that had been dead and were replayed; they are in delivered, or dead again
  skipped     events of a type that the consumer does not handle; left out when there are none
  invalid_lines  lines of --file that are no valid CloudEvent; left out when there are none
  balanced    published = delivered + dead + skipped everywhere, nothing lost, nothing doubled
              except where an API withheld its answer and has no idempotency

Lines of --file that hold an event again, by source and id, are left out and named.

Exit code: 0 when it is balanced and every line of --file was valid, else 1;
130 when it was stopped before the balance.";

/// Ends with 0 when every event is accounted for.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals().context("signals cannot be heard")?;
    let done = perform(&arguments, &stop).await;
    match done {
        Ok(verdict) if verdict.is_good() => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(error) if error.is::<Stopped>() => {
            say("stopped before the end; nothing is left running");
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => Err(error),
    }
}

async fn perform(arguments: &Arguments, stop: &Stop) -> anyhow::Result<Verdict> {
    if let Some(file) = &arguments.file {
        // Said now rather than after minutes of building.
        File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    }
    say("building the programs with the dev profile: good to look at, too slow to measure");
    let programs = stop.or(build::programs()).await?;
    say("looking for a broker");
    let url = arguments.amqp_url.as_ref().or(arguments.fallback_amqp_url.as_ref());
    let wishes = Wishes { url: url.cloned(), image: arguments.image.clone() };
    let site = stop.or(Site::prepare(&wishes)).await?;
    let played = play(arguments, stop, &site, programs).await;
    // After a failure the logs tell more than the message.
    let has_failed = match &played {
        Ok(verdict) => !verdict.balance.balanced,
        Err(error) => !error.is::<Stopped>(),
    };
    let cleared = site.clear(arguments.keep, has_failed).await;
    let verdict = played?;
    cleared.map(|()| verdict)
}

async fn play(
    arguments: &Arguments,
    stop: &Stop,
    site: &Site,
    programs: Programs,
) -> anyhow::Result<Verdict> {
    let has_no_color = arguments.no_color.as_ref().is_some_and(|value| !value.is_empty());
    let screen = Screen::of_process(arguments.json, has_no_color);
    let events = match &arguments.file {
        Some(file) => Events::File(file.clone()),
        None => Events::Registrations(arguments.events),
    };
    let options = Options {
        amqp_url: site.url().to_owned(),
        namespace: NAMESPACE.to_owned(),
        programs,
        folder: site.folder().to_owned(),
        events,
    };
    screen.tell(format_args!("\n  {:<9} {}", "broker", site.described()));
    let mut demo = stop.or(Demo::start(options, &screen)).await?;
    let played = through(arguments, stop, &mut demo).await;
    say("ending the consumers");
    let ended = demo.end().await;
    let verdict = played?;
    ended.map(|()| verdict)
}

async fn through(arguments: &Arguments, stop: &Stop, demo: &mut Demo) -> anyhow::Result<Verdict> {
    let verdict = stop.or(demo.play()).await?;
    if arguments.json {
        let mut stdout = io::stdout();
        serde_json::to_writer(&mut stdout, &verdict.balance)?;
        stdout.write_all(b"\n")?;
    }
    if !arguments.once {
        match stop.or(demo.stay_up()).await {
            Err(error) if error.is::<Stopped>() => {}
            Err(error) => return Err(error),
            Ok(never) => match never {},
        }
    }
    Ok(verdict)
}

fn say(what: &str) {
    eprintln!("xtask: {what}");
}
