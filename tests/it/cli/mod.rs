//! The operator's tool, run as operators run it.

mod dead_letters;
mod pause;
mod publishing;
mod replay;
mod status;
mod topology;

use std::path::PathBuf;
use std::process::{Output, Stdio};

use fanfare_broker::{Cause, DeathNote, Message, Publisher, PublisherOptions, Route};
use fanfare_events::Event;
use fanfare_tests::{World, program};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// What a run of the tool said.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

/// The tool in a world, with an audit log of its own.
struct Tool {
    url: String,
    namespace: String,
    folder: PathBuf,
}

impl Tool {
    fn new(world: &World) -> Self {
        let folder = std::env::temp_dir().join(format!("fanfare-cli-{}", world.vhost()));
        std::fs::create_dir_all(&folder).unwrap();
        let (url, namespace) = (world.url().to_owned(), world.namespace().to_string());
        Self { url, namespace, folder }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(program("fanfare"));
        command
            .args(line.split_whitespace())
            .env_clear()
            .env("FANFARE_AMQP_URL", &self.url)
            .env("FANFARE_NAMESPACE", &self.namespace)
            .env("FANFARE_AUDIT_LOG", self.audit_log())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, line: &str) -> Answer {
        Answer::of(self.command(line).output().await.unwrap())
    }

    async fn run_with_input(&self, line: &str, input: &[u8]) -> Answer {
        let mut child = self.command(line).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let fed = tokio::spawn(async move { stdin.write_all(&input).await });
        let answer = Answer::of(child.wait_with_output().await.unwrap());
        fed.await.unwrap().unwrap();
        answer
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).spawn().unwrap()
    }

    fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.ndjson")
    }

    fn audited(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.audit_log()).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The answer of a run that did what was asked.
    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A dead letter to be put into a world.
struct Letter {
    id: String,
    body: Vec<u8>,
    kind: String,
    cause: Cause,
    status: Option<u16>,
    dead_at_ms: u64,
}

impl Letter {
    fn of(event: &Event, cause: Cause) -> Self {
        Self {
            id: event.id().as_str().to_owned(),
            body: event.to_json(),
            kind: event.event_type().to_owned(),
            cause,
            status: None,
            dead_at_ms: 1_700_000_000_000,
        }
    }
}

/// Dead-letters `letters` as the consumer of `destination` would, in their order.
async fn bury(world: &World, destination: &str, letters: &[Letter]) {
    let publisher = Publisher::start(world.config(), "tests", PublisherOptions::default());
    let dead = world.names(destination).dead();
    let route = Route::new(&dead, "").unwrap();
    let published = letters.iter().map(|letter| {
        let note = DeathNote {
            cause: letter.cause,
            reason: format!("{destination} refused {}", letter.id),
            status: letter.status,
            response: Some("{\"message\":\"no\"}".into()),
            dead_at_ms: letter.dead_at_ms,
            destination: destination.to_owned(),
            consumer: "tests 0.1.0".into(),
        };
        let message = Message::new(&letter.id, letter.body.clone())
            .unwrap()
            .content_type(Event::CONTENT_TYPE)
            .unwrap()
            .kind(&letter.kind)
            .unwrap()
            .app_id("/tests/signup")
            .timestamp(1_600_000_000)
            .attempts(3, Some(1_699_999_990_000))
            .death_note(&note);
        publisher.publish(&route, message)
    });
    for confirmed in futures_util::future::join_all(published).await {
        assert!(confirmed.unwrap().routed);
    }
    publisher.close().await;
    world.until_ready(&dead, u64::try_from(letters.len()).unwrap()).await;
}
