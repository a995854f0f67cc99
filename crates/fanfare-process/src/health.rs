//! Whether this process is alive, and whether it can take work.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long nothing may settle while something could.
///
/// Ten times the default deadline of a call.
pub const STALL_TIME: Duration = Duration::from_secs(5 * 60);

/// Whether this process is alive, and whether it can take work. Cheap to clone.
///
/// *Ready* means that every [`condition`](Self::condition) holds and that it is
/// not shutting down. *Alive* means that work which could settle does settle;
/// it never depends on the broker or an API, since restarting cures neither.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

/// One named condition of being ready; unmet until it is set.
#[derive(Clone, Debug)]
pub struct Condition {
    name: &'static str,
    health: Health,
}

/// Whether this process can take work, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    conditions: BTreeMap<&'static str, bool>,
    shutting_down: bool,
}

/// Whether work that could settle does settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It does, or there is none.
    Alive,
    /// It does not: this process should be restarted.
    Stalled {
        /// How many deliveries wait.
        pending: usize,
        /// How long nothing has settled.
        quiet: Duration,
    },
}

#[derive(Debug)]
struct State {
    conditions: BTreeMap<&'static str, bool>,
    shutting_down: bool,
    pending: usize,
    /// When something last settled, or when there last began to be something to settle.
    last_progress: Instant,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// No condition, nothing pending: ready and alive.
    pub fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                conditions: BTreeMap::new(),
                shutting_down: false,
                pending: 0,
                last_progress: Instant::now(),
            })),
        }
    }

    /// A condition of being ready, unmet at first; the same name is the same condition.
    pub fn condition(&self, name: &'static str) -> Condition {
        self.lock().conditions.entry(name).or_insert(false);
        Condition { name, health: self.clone() }
    }

    /// Says how many deliveries could settle now.
    ///
    /// What is held on purpose, or waits for the broker, does not count: it
    /// would make this process look stalled when it is not.
    pub fn set_pending(&self, pending: usize) {
        let mut state = self.lock();
        if state.pending == 0 {
            state.last_progress = Instant::now();
        }
        state.pending = pending;
    }

    /// Says that something settled.
    pub fn progress(&self) {
        self.lock().last_progress = Instant::now();
    }

    /// Not ready from now on, whatever the conditions.
    pub fn shut_down(&self) {
        self.lock().shutting_down = true;
    }

    /// Whether this process can take work.
    pub fn readiness(&self) -> Readiness {
        let state = self.lock();
        Readiness { conditions: state.conditions.clone(), shutting_down: state.shutting_down }
    }

    /// Whether work that could settle does settle.
    pub fn liveness(&self) -> Liveness {
        let state = self.lock();
        let quiet = state.last_progress.elapsed();
        if state.pending > 0 && quiet >= STALL_TIME {
            return Liveness::Stalled { pending: state.pending, quiet };
        }
        Liveness::Alive
    }

    /// No change of the state can panic half-way, so a poisoned lock guards a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    /// Says whether the condition holds.
    pub fn set(&self, met: bool) {
        self.health.lock().conditions.insert(self.name, met);
    }
}

impl Readiness {
    /// Whether nothing stands against it.
    pub fn is_ready(&self) -> bool {
        !self.shutting_down && self.conditions.values().all(|met| *met)
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", if self.is_ready() { "ready" } else { "not ready" })?;
        for (name, met) in &self.conditions {
            writeln!(f, "[{}] {name}", if *met { '+' } else { '-' })?;
        }
        if self.shutting_down {
            writeln!(f, "[-] shutting down")?;
        }
        Ok(())
    }
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive => writeln!(f, "alive"),
            Self::Stalled { pending, quiet } => {
                writeln!(f, "stalled: {pending} pending, nothing settled for {} s", quiet.as_secs())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ready_means_that_every_condition_holds() {
        let health = Health::new();
        assert!(health.readiness().is_ready());
        let consuming = health.condition("consuming");
        assert!(!health.readiness().is_ready(), "a condition is unmet until it is set");
        consuming.set(true);
        assert!(health.readiness().is_ready());
        health.condition("publishing");
        health.condition("consuming");
        assert_eq!(health.readiness().to_string(), "not ready\n[+] consuming\n[-] publishing\n");
        health.condition("publishing").set(true);
        assert_eq!(health.readiness().to_string(), "ready\n[+] consuming\n[+] publishing\n");
        consuming.set(false);
        assert!(!health.readiness().is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_is_alive_but_not_ready() {
        let health = Health::new();
        health.condition("consuming").set(true);
        health.shut_down();
        assert_eq!(health.readiness().to_string(), "not ready\n[+] consuming\n[-] shutting down\n");
        assert_eq!(health.liveness(), Liveness::Alive);
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_in_which_nothing_settles_is_a_stall() {
        let health = Health::new();
        health.set_pending(3);
        tokio::time::advance(STALL_TIME - Duration::from_millis(1)).await;
        assert_eq!(health.liveness(), Liveness::Alive);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(health.liveness(), Liveness::Stalled { pending: 3, quiet: STALL_TIME });
        assert_eq!(
            health.liveness().to_string(),
            "stalled: 3 pending, nothing settled for 300 s\n"
        );
        health.progress();
        assert_eq!(health.liveness(), Liveness::Alive);
    }

    #[tokio::test(start_paused = true)]
    async fn a_backlog_that_only_grows_is_a_stall() {
        let health = Health::new();
        for pending in 1..=10 {
            health.set_pending(pending);
            tokio::time::advance(STALL_TIME / 10).await;
        }
        assert_eq!(health.liveness(), Liveness::Stalled { pending: 10, quiet: STALL_TIME });
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_night_is_not_a_stall() {
        let health = Health::new();
        tokio::time::advance(STALL_TIME * 100).await;
        assert_eq!(health.liveness(), Liveness::Alive);
        health.set_pending(1);
        assert_eq!(health.liveness(), Liveness::Alive, "the clock starts with the backlog");
        tokio::time::advance(STALL_TIME).await;
        health.set_pending(0);
        assert_eq!(health.liveness(), Liveness::Alive, "what is held on purpose does not count");
    }
}
