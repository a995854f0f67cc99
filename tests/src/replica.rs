//! A consumer as a program of its own, seen through its metrics.

use nix::sys::signal::Signal;

use crate::net::{free_port, metric};
use crate::process::RunningProgram;
use crate::vendors::Vendor;
use crate::wait::eventually;
use crate::world::World;

/// A consumer of its own process, and where its metrics are read.
#[derive(Debug)]
pub struct Replica {
    /// The program.
    pub program: RunningProgram,
    admin: String,
    destination: &'static str,
}

impl Replica {
    /// Consumes at `url`, with these variables besides the vendor's.
    pub fn start(world: &World, vendor: &Vendor, url: &str, variables: &[(&str, &str)]) -> Self {
        let admin = format!("127.0.0.1:{}", free_port());
        let settings = vendor
            .settings(url, world.namespace().as_str())
            .set("FANFARE_LOG", "warn")
            .set("FANFARE_ADMIN_ADDR", &admin);
        let settings =
            variables.iter().fold(settings, |settings, (name, value)| settings.set(name, *value));
        let program = RunningProgram::start(vendor.program, &settings);
        Self { program, admin, destination: vendor.name }
    }

    /// How often it called although an earlier call may have delivered the event.
    pub async fn repeats(&self) -> u64 {
        self.counted("fanfare_repeats_total", "").await
    }

    /// Deliveries that came to this end.
    pub async fn settled(&self, result: &str) -> u64 {
        self.counted("fanfare_deliveries_total", &format!(",result=\"{result}\"")).await
    }

    /// Calls under way, as of the last second.
    pub async fn calls(&self) -> u64 {
        self.counted("fanfare_in_flight", "").await
    }

    /// Claims that it made while the shared ledger was away.
    pub async fn claims_without_ledger(&self) -> u64 {
        self.counted("fanfare_ledger_unavailable_total", "").await
    }

    /// Waits until exactly `count` deliveries came to this end.
    pub async fn until_settled(&self, result: &str, count: usize) {
        let what = format!("{count} deliveries to {} to be {result}", self.destination);
        eventually(&what, async || (self.settled(result).await == count as u64).then_some(()))
            .await;
    }

    /// Nobody answers before it listens: then nothing has been counted either.
    async fn counted(&self, name: &str, label: &str) -> u64 {
        let line = format!("{name}{{destination=\"{}\"{label}}}", self.destination);
        metric(&self.admin, &line).await.map_or(0, |count| count as u64)
    }

    /// Ends it with everything acked.
    pub async fn stop(self) {
        self.program.signal(Signal::SIGTERM);
        let (status, log) = self.program.ended().await;
        assert!(status.success(), "{}", log.join("\n"));
    }
}
