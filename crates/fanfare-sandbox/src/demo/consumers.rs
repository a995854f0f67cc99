//! The two consumers of the demo: started as programs, waited for, ended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::apis::{DemoApi, TOKEN};
use super::options::Options;
use crate::leash::Leash;
use crate::ready::until_ready;

/// The consumers, running.
#[derive(Debug)]
pub(super) struct Consumers {
    running: Vec<Consumer>,
    leash: Leash,
}

/// One consumer, running.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) name: &'static str,
    pub(super) log: PathBuf,
    pub(super) admin_url: String,
    child: Child,
}

/// Longer than `FANFARE_SHUTDOWN_GRACE` below.
const END: Duration = Duration::from_secs(10);

/// Short enough that a demo sees the end of every event; the defaults take a day.
const SCHEDULE: [(&str, &str); 5] = [
    ("FANFARE_TIMEOUT", "2s"),
    ("FANFARE_RETRY_BASE", "1s"),
    ("FANFARE_RETRY_CAP", "4s"),
    ("FANFARE_RETRY_ATTEMPTS", "4"),
    ("FANFARE_SHUTDOWN_GRACE", "5s"),
];

impl Consumers {
    /// Starts both and waits until they consume.
    pub(super) async fn start(options: &Options, apis: &[DemoApi; 2]) -> anyhow::Result<Self> {
        let mut leash = Leash::new().context("a shell cannot be started")?;
        let [hubspot, sendgrid] = apis;
        let hubspot_at = hubspot.mock.base_url();
        let sendgrid_at = sendgrid.mock.base_url();
        let programs = [
            (
                hubspot.name,
                &options.programs.hubspot,
                vec![("HUBSPOT_BASE_URL", &*hubspot_at), ("HUBSPOT_ACCESS_TOKEN", TOKEN)],
            ),
            (
                sendgrid.name,
                &options.programs.sendgrid,
                vec![
                    ("SENDGRID_BASE_URL", &*sendgrid_at),
                    ("SENDGRID_API_KEY", TOKEN),
                    ("SENDGRID_FROM_EMAIL", "hello@example.com"),
                ],
            ),
        ];
        let mut started = Vec::new();
        for (name, program, variables) in programs {
            let log = options.folder.join(format!("{name}.log"));
            let child = spawn(program, &log, options, &variables)?;
            let pid = child.id().context("a consumer that has just been started has an id")?;
            leash.hold(pid).context("the shell that ends the consumers is gone")?;
            started.push((name, log, child));
        }
        let mut running = Vec::new();
        for (name, log, mut child) in started {
            let admin_url = until_ready(&mut child, &log).await.with_context(|| {
                format!("the {name} consumer does not start; its log is {}", log.display())
            })?;
            running.push(Consumer { name, log, admin_url, child });
        }
        Ok(Self { running, leash })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.running.iter()
    }

    /// The first consumer that is not running any more.
    pub(super) fn lost(&mut self) -> Option<&Consumer> {
        self.running.iter_mut().find_map(|consumer| {
            let has_ended = !matches!(consumer.child.try_wait(), Ok(None));
            has_ended.then_some(&*consumer)
        })
    }

    /// Asks both to stop and waits until they have; kills what does not.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        for consumer in &self.running {
            if let Some(pid) = consumer.child.id() {
                // One that has just ended by itself is what we want.
                kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM).ok();
            }
        }
        for consumer in &mut self.running {
            if timeout(END, consumer.child.wait()).await.is_err() {
                consumer.child.kill().await.context("a consumer cannot be killed")?;
            }
        }
        self.leash.release().context("the shell that ends the consumers is gone")
    }
}

fn spawn(
    program: &Path,
    log: &Path,
    options: &Options,
    variables: &[(&str, &str)],
) -> anyhow::Result<Child> {
    let log = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
    Command::new(program)
        // Variables of whoever runs the demo are not meant for its consumers.
        .env_clear()
        .env("FANFARE_AMQP_URL", &options.amqp_url)
        .env("FANFARE_NAMESPACE", &options.namespace)
        .env("FANFARE_ADMIN_ADDR", "127.0.0.1:0")
        .env("FANFARE_LOG_FORMAT", "json")
        .envs(SCHEDULE)
        .envs(variables.iter().copied())
        // Ctrl-C is for the demo, which then ends its consumers.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", program.display()))
}
