//! What a process takes, as the kernel tells it, and how its gate stands, as it tells itself.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use fanfare_sandbox::ready::admin_address;
use futures_util::future::join_all;
use serde::Serialize;

use crate::stage::{Life, Role};

/// What one process took at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// Which process.
    pub pid: u32,
    /// When.
    pub at_ms: f64,
    /// Resident memory.
    pub memory_kb: u64,
    /// Open descriptors.
    pub descriptors: u64,
    /// Threads: a task that blocks has one of its own.
    pub threads: u64,
    /// Of a consumer: 0 where its gate is open, 1 while it probes, 2 while it is closed.
    pub gate: Option<u8>,
}

/// Asks processes how they are.
#[derive(Debug)]
pub(super) struct Doctor {
    http: reqwest::Client,
    addresses: HashMap<u32, String>,
}

/// One that stands still does not answer.
const PATIENCE: Duration = Duration::from_millis(300);
const GATE: &str = "fanfare_breaker_state{";

impl Doctor {
    pub(super) fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { http, addresses: HashMap::new() })
    }

    /// How these processes are.
    pub(super) async fn look(&mut self, lives: &[Life], at_ms: f64) -> Vec<Usage> {
        for life in lives.iter().filter(|life| matches!(life.role, Role::Consumer(_))) {
            if !self.addresses.contains_key(&life.pid)
                && let Some(address) = admin_address(&life.log)
            {
                self.addresses.insert(life.pid, address);
            }
        }
        let gates = join_all(lives.iter().map(|life| self.gate(life.pid))).await;
        let looked = lives.iter().zip(gates);
        looked.filter_map(|(life, gate)| Usage::of(life.pid, at_ms, gate)).collect()
    }

    async fn gate(&self, pid: u32) -> Option<u8> {
        let address = self.addresses.get(&pid)?;
        let answer = self.http.get(format!("http://{address}/metrics")).send().await.ok()?;
        let metrics = answer.text().await.ok()?;
        let line = metrics.lines().find(|line| line.starts_with(GATE))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

impl Usage {
    /// Of a process that is there (proc(5)).
    fn of(pid: u32, at_ms: f64, gate: Option<u8>) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
        let memory_kb = number("VmRSS:")?;
        Some(Self { pid, at_ms, memory_kb, descriptors, threads: number("Threads:")?, gate })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_there_takes_something_and_one_that_is_not_is_not_seen() {
        let mine = Usage::of(std::process::id(), 1.0, None).unwrap();
        assert!(mine.memory_kb > 0 && mine.descriptors > 2 && mine.threads > 0);
        assert_eq!(Usage::of(u32::MAX, 1.0, None), None);
    }
}
