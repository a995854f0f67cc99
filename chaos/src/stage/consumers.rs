//! The consumers: real programs, several for each destination.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use fanfare_sandbox::proxy::FaultProxy;
use fanfare_sandbox::ready::{admin_address, until_ready};
use fanfare_sandbox::redis::RedisNode;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::apis::Apis;
use super::life::{Life, Role, Running};
use super::programs::Programs;
use super::register::Register;
use super::{NAMESPACE, through};
use crate::load::DESTINATIONS;
use crate::secrets;

/// Consumers of each destination.
pub const CONSUMERS_EACH: usize = 2;
/// Calls that one of them makes at the same time, at most.
pub const CONCURRENCY: u32 = 16;
/// Calls that one webhook consumer makes in a second, at most.
pub const RATE: u32 = 120;
/// The destination that has this limit.
pub const LIMITED: usize = 2;
/// Attempts of an event, the first included.
pub const RETRY_ATTEMPTS: u32 = 12;
/// Seconds that a call may take.
pub const TIMEOUT_S: u32 = 3;
/// Seconds that it may take to stop.
pub const GRACE_S: u32 = 10;

/// Contacts in one call to HubSpot: more than one, and few enough that a bad one costs little.
const BATCH: u32 = 10;

/// The consumers, by the number of their destination.
#[derive(Debug)]
pub struct Consumers {
    kinds: Vec<KindOfConsumer>,
}

#[derive(Debug)]
struct KindOfConsumer {
    destination: usize,
    program: PathBuf,
    variables: Vec<(&'static str, String)>,
    running: Mutex<Vec<Running>>,
}

impl Consumers {
    pub(super) fn new(
        programs: &Programs,
        apis: &Apis,
        proxies: &[FaultProxy],
        url: &str,
        shares_ledger: [bool; 3],
        redis: &RedisNode,
    ) -> anyhow::Result<Self> {
        let kinds = DESTINATIONS.iter().enumerate().map(|(destination, spec)| {
            let mut variables = vec![
                ("FANFARE_AMQP_URL", through(url, proxies[destination + 1].address())?),
                ("FANFARE_NAMESPACE", NAMESPACE.to_owned()),
                ("FANFARE_DESTINATION", spec.name.to_owned()),
                ("FANFARE_SUBSCRIBE", spec.subscribes.to_owned()),
                ("FANFARE_MAX_CONCURRENCY", CONCURRENCY.to_string()),
                ("FANFARE_TIMEOUT", format!("{TIMEOUT_S}s")),
                ("FANFARE_CONNECT_TIMEOUT", "2s".to_owned()),
                ("FANFARE_RETRY_BASE", "1s".to_owned()),
                ("FANFARE_RETRY_CAP", "4s".to_owned()),
                ("FANFARE_RETRY_ATTEMPTS", RETRY_ATTEMPTS.to_string()),
                ("FANFARE_SHUTDOWN_GRACE", format!("{GRACE_S}s")),
                ("FANFARE_ADMIN_ADDR", "127.0.0.1:0".to_owned()),
                ("FANFARE_LOG_FORMAT", "json".to_owned()),
            ];
            if shares_ledger[destination] {
                variables.push(("FANFARE_LEDGER", redis.url().to_owned()));
            }
            variables.extend(own_variables(spec.name, apis.of(destination).base_url()));
            Ok(KindOfConsumer {
                destination,
                program: programs.consumer(destination),
                variables,
                running: Mutex::default(),
            })
        });
        Ok(Self { kinds: kinds.collect::<anyhow::Result<_>>()? })
    }

    /// Starts all of them, and waits until they consume.
    pub(super) async fn start_all(&self, register: &Register) -> anyhow::Result<()> {
        for kind in &self.kinds {
            let mut running = kind.running.lock().await;
            for _ in 0..CONSUMERS_EACH {
                running.push(kind.spawn(register)?);
            }
        }
        for kind in &self.kinds {
            for consumer in kind.running.lock().await.iter_mut() {
                let log = consumer.life.log.clone();
                until_ready(consumer.child(), &log).await.with_context(|| {
                    format!("a consumer does not start; its log is {}", log.display())
                })?;
            }
        }
        Ok(())
    }

    /// Kills one of a destination's and starts another; tells whether it died of that.
    pub async fn kill(&self, destination: usize, register: &Register) -> anyhow::Result<bool> {
        let kind = &self.kinds[destination];
        let mut running = kind.running.lock().await;
        running.push(kind.spawn(register)?);
        // The oldest: so that each gets its turn.
        let (life, is_dead) = running.remove(0).kill().await?;
        register.ended(life);
        Ok(is_dead)
    }

    /// Starts another one of a destination's, and has the oldest stop.
    pub async fn replace(&self, destination: usize, register: &Register) -> anyhow::Result<Life> {
        let kind = &self.kinds[destination];
        let mut running = kind.running.lock().await;
        running.push(kind.spawn(register)?);
        let oldest = running.remove(0);
        drop(running);
        let life = oldest.stop(patience()).await?;
        register.ended(life.clone());
        Ok(life)
    }

    /// Has one of a destination's stand still; tells which.
    pub async fn freeze(&self, destination: usize) -> anyhow::Result<u32> {
        let running = self.kinds[destination].running.lock().await;
        running[0].signal(Signal::SIGSTOP)?;
        Ok(running[0].life.pid)
    }

    /// Lets it go on, if it is there.
    pub async fn thaw(&self, destination: usize, pid: u32) -> anyhow::Result<()> {
        let running = self.kinds[destination].running.lock().await;
        running
            .iter()
            .filter(|one| one.life.pid == pid)
            .try_for_each(|one| one.signal(Signal::SIGCONT))
    }

    /// Asks all to stop and waits until they have.
    pub async fn stop(&self, register: &Register) -> anyhow::Result<()> {
        let mut stopping = Vec::new();
        for kind in &self.kinds {
            let mut running = kind.running.lock().await;
            stopping.extend(running.drain(..).map(|one| one.stop(patience())));
        }
        for life in join_all(stopping).await {
            register.ended(life?);
        }
        Ok(())
    }

    /// Those that run now. One that has ended by itself is entered as such, and replaced.
    pub async fn lives(&self, register: &Register) -> anyhow::Result<Vec<Life>> {
        let mut lives = Vec::new();
        for kind in &self.kinds {
            let mut running = kind.running.lock().await;
            for consumer in running.iter_mut() {
                if consumer.look() {
                    let next = kind.spawn(register)?;
                    register.ended(std::mem::replace(consumer, next).life);
                }
                lives.push(consumer.life.clone());
            }
        }
        Ok(lives)
    }

    /// Where the admin endpoints are of those that run.
    pub async fn admin_addresses(&self) -> Vec<String> {
        let mut addresses = Vec::new();
        for kind in &self.kinds {
            let running = kind.running.lock().await;
            addresses.extend(running.iter().filter_map(|one| admin_address(&one.life.log)));
        }
        addresses
    }
}

impl KindOfConsumer {
    fn spawn(&self, register: &Register) -> anyhow::Result<Running> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value)));
        let log = register.log(DESTINATIONS[self.destination].name);
        let running = Running::start(command, Role::Consumer(self.destination), &log)?;
        register.started(&running.life)?;
        Ok(running)
    }
}

fn own_variables(name: &str, base_url: String) -> Vec<(&'static str, String)> {
    match name {
        "hubspot" => vec![
            ("HUBSPOT_BASE_URL", base_url),
            ("HUBSPOT_ACCESS_TOKEN", secrets::HUBSPOT_TOKEN.to_owned()),
            ("HUBSPOT_BATCH_SIZE", BATCH.to_string()),
        ],
        "sendgrid" => vec![
            ("SENDGRID_BASE_URL", base_url),
            ("SENDGRID_API_KEY", secrets::SENDGRID_KEY.to_owned()),
            ("SENDGRID_FROM_EMAIL", "hello@example.com".to_owned()),
        ],
        _ => vec![
            ("WEBHOOK_URL", format!("{base_url}/{}", secrets::WEBHOOK_PATH)),
            ("WEBHOOK_SECRET", secrets::WEBHOOK_SECRET.to_owned()),
            ("WEBHOOK_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            ("FANFARE_RATE_LIMIT", format!("{RATE}/1s")),
        ],
    }
}

/// The grace period, and what a busy machine adds to it.
fn patience() -> Duration {
    Duration::from_secs(u64::from(GRACE_S) + 10)
}
