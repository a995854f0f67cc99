//! The originating services.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::Mutex;

use super::NAMESPACE;
use super::life::{Life, Role, Running};
use super::programs::Programs;
use super::register::Register;

/// How many there are: two that publish directly, one with an outbox in SQLite, and one with an
/// outbox in PostgreSQL.
pub const PRODUCERS: u32 = 4;
const ON_SQLITE: u32 = 2;
/// The one with an outbox in PostgreSQL.
pub const ON_POSTGRES: u32 = 3;

/// Whether a producer has an outbox.
pub fn has_outbox(producer: u32) -> bool {
    producer >= ON_SQLITE
}

/// The producers, each by its number.
#[derive(Debug)]
pub struct Producers {
    program: PathBuf,
    url: String,
    postgres: String,
    folder: PathBuf,
    rate: u32,
    running: Mutex<Vec<Running>>,
}

/// A publish is tried for a minute before it is given up.
const PATIENCE: Duration = Duration::from_secs(75);

impl Producers {
    /// They publish to the broker at `url`, the last one through the database at `postgres`.
    pub(super) fn new(programs: &Programs, url: String, postgres: String, folder: &Path) -> Self {
        let (program, folder) = (programs.producer(), folder.to_owned());
        Self { program, url, postgres, folder, rate: 0, running: Mutex::default() }
    }

    /// Starts all of them, which publish `rate` events a second together.
    pub async fn start(&mut self, rate: u32, register: &Register) -> anyhow::Result<()> {
        self.rate = rate.div_ceil(PRODUCERS);
        let mut running = self.running.lock().await;
        for producer in 0..PRODUCERS {
            running.push(self.spawn(producer, register)?);
        }
        Ok(())
    }

    /// Where a producer writes down what it knows.
    pub fn journal(&self, producer: u32) -> PathBuf {
        self.folder.join(format!("producer-{producer}.journal"))
    }

    /// The database of a producer that has an outbox.
    pub fn database(&self, producer: u32) -> Option<String> {
        let sqlite = || format!("sqlite:{}/producer-{producer}.db", self.folder.display());
        match producer {
            ON_SQLITE => Some(sqlite()),
            ON_POSTGRES => Some(self.postgres.clone()),
            _ => None,
        }
    }

    /// Kills one and starts it again; tells whether it died of that.
    pub async fn kill(&self, producer: usize, register: &Register) -> anyhow::Result<bool> {
        let mut running = self.running.lock().await;
        let victim = running.remove(producer);
        let Role::Producer(number) = victim.life.role else { return Ok(false) };
        let killed = victim.kill().await;
        // Only now, since it goes on where the journal ends.
        running.insert(producer, self.spawn(number, register)?);
        let (life, is_dead) = killed?;
        register.ended(life);
        Ok(is_dead)
    }

    /// Asks all to stop, which they do when their last answer has come.
    pub async fn stop(&self, register: &Register) -> anyhow::Result<()> {
        let mut running = self.running.lock().await;
        let stopping = running.drain(..).map(|one| one.stop(PATIENCE));
        for life in futures_util::future::join_all(stopping).await {
            register.ended(life?);
        }
        Ok(())
    }

    /// Those that run now.
    pub async fn lives(&self) -> Vec<Life> {
        self.running.lock().await.iter().map(|one| one.life.clone()).collect()
    }

    fn spawn(&self, producer: u32, register: &Register) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .args(["--amqp-url", &self.url, "--namespace", NAMESPACE])
            .args(["--producer", &producer.to_string(), "--rate", &self.rate.to_string()])
            .arg("--journal")
            .arg(self.journal(producer));
        if let Some(database) = self.database(producer) {
            command.arg("--outbox").arg(database);
        }
        let log = register.log(&format!("producer-{producer}"));
        let running = Running::start(command, Role::Producer(producer), &log)?;
        register.started(&running.life)?;
        Ok(running)
    }
}
