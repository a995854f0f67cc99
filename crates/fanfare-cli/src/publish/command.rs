//! `fanfare publish`: open, connect, publish, say.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::thread;

use fanfare_broker::Inspector;
use fanfare_events::MAX_EVENT_BYTES;
use fanfare_producer::{Producer, ProducerConfig};
use serde::Serialize;
use tokio::sync::mpsc;

use super::lines::{Lines, NumberedLine};
use super::pipeline::{PublishReport, PublishRunError, PublishSummary, publish};
use super::shape::Shape;
use crate::arguments::PublishArguments;
use crate::failure::Failure;
use crate::output::{Console, Progress};
use crate::session::Session;
use crate::settings::Settings;

/// Lines that were read and wait for room in the window.
const READ_AHEAD: usize = 16;

pub(crate) async fn command(
    session: &mut Session,
    arguments: PublishArguments,
) -> Result<(), Failure> {
    let shape = match (arguments.event_type, arguments.source) {
        (Some(event_type), Some(source)) => Shape::Data { event_type, source },
        _ => Shape::Event,
    };
    let Session { settings, console, stop_on_signals, .. } = session;
    let reader = open(&arguments.file)?;
    let producer = connect(settings).await?;
    let stop = stop_on_signals();
    let mut lines = read_in_thread(reader, &arguments.file)?;
    let mut report = OnConsole::new(console);
    let (summary, ended) = publish(&producer, &shape, &mut lines, &mut report, &stop).await;
    drop(report);
    producer.close().await;
    say(console, &summary)?;
    ended?;
    if stop.is_cancelled() {
        return Err(Failure::NotAsAsked("stopped before the end of the input".into()));
    }
    if summary.failed > 0 {
        return Err(Failure::NotAsAsked(format!("{} lines were not published", summary.failed)));
    }
    Ok(())
}

fn open(file: &str) -> Result<Box<dyn BufRead + Send>, PublishRunError> {
    if file == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file);
    let file =
        opened.map_err(|source| PublishRunError::Read { what: format!("`{file}`"), source })?;
    Ok(Box::new(BufReader::new(file)))
}

async fn connect(settings: &Settings) -> Result<Producer, PublishRunError> {
    let config = ProducerConfig::in_namespace(settings.broker.clone(), settings.namespace.clone())
        .name("fanfare publish");
    if settings.declares {
        return Ok(Producer::connect(config).await?);
    }
    // A producer that declares nothing connects in its own time; whoever waits at a
    // terminal wants to know now whether the broker answers.
    Inspector::connect(&settings.broker).await?.close().await;
    Ok(Producer::connect(config.without_declaring()).await?)
}

/// Reading blocks, and standard input cannot be interrupted: a thread of its own ends
/// with the process, where the runtime would wait for one of its own.
fn read_in_thread(
    reader: Box<dyn BufRead + Send>,
    file: &str,
) -> Result<mpsc::Receiver<io::Result<NumberedLine>>, PublishRunError> {
    let (lines, incoming) = mpsc::channel(READ_AHEAD);
    let read = move || {
        for line in Lines::new(reader, MAX_EVENT_BYTES) {
            let is_last = line.is_err();
            if lines.blocking_send(line).is_err() || is_last {
                break;
            }
        }
    };
    thread::Builder::new()
        .name("lines".to_owned())
        .spawn(read)
        .map_err(|source| PublishRunError::Read { what: format!("`{file}`"), source })?;
    Ok(incoming)
}

/// Progress, and a line for each that failed.
struct OnConsole<'a> {
    console: &'a mut Console,
    progress: Progress,
}

/// What a script reads about a line that failed.
#[derive(Serialize)]
struct FailedLine<'a> {
    line: u64,
    error: &'a str,
}

impl<'a> OnConsole<'a> {
    fn new(console: &'a mut Console) -> Self {
        let progress = console.progress("publishing", None);
        Self { console, progress }
    }
}

impl PublishReport for OnConsole<'_> {
    fn published(&mut self, _line: u64) {
        self.progress.advance(1);
    }

    fn failed(&mut self, line: u64, why: &str) {
        if self.console.json {
            // A reader that has gone must not end the publishing half-way.
            self.console.object(&FailedLine { line, error: why }).ok();
        } else {
            self.progress.remark(&format!("line {line}: {why}"));
        }
    }
}

fn say(console: &mut Console, summary: &PublishSummary) -> Result<(), Failure> {
    if console.json {
        return Ok(console.object(summary)?);
    }
    let PublishSummary { published, unrouted, failed } = summary;
    console.line(format_args!("published {published}, failed {failed}"))?;
    if *unrouted > 0 {
        console.line(format_args!("{unrouted} of them have a type that no destination wants"))?;
    }
    Ok(())
}
