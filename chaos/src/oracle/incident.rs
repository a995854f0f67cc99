//! What may have left it open whether something had been done: the only excuse for doing it again.

use crate::facts::Facts;
use crate::plan::Kind;
use crate::stage::{End, ON_POSTGRES, Role, has_outbox};

/// A span of time in which somebody could not know, or could not tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Incident {
    pub(super) from_ms: f64,
    pub(super) until_ms: f64,
    pub(super) reach: Reach,
}

/// Whom it concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The broker, and so everybody, and what waited in its queues.
    Broker,
    /// Producers' connections.
    WayIn,
    /// A producer of this number; where it has an outbox, a successor publishes again what it had
    /// not marked.
    Producer(usize),
    /// The connections of this destination's consumers, or everybody's.
    WayOut(Option<usize>),
    /// A consumer of this destination.
    Consumer(usize),
    /// The shared ledger of this destination's consumers, or everybody's.
    Ledger(Option<usize>),
}

/// Until an answer has become an ack that the broker has taken, on a busy machine. Acks travel
/// within milliseconds; a slow network adds 300.
pub(super) const ACK_MS: f64 = 2_000.0;
/// Until everybody has connected again and noticed.
const RECOVERY_MS: f64 = 4_000.0;

/// All of them, from what was seen to happen.
pub(super) fn incidents(facts: &Facts) -> Vec<Incident> {
    let mut incidents = Vec::new();
    for happened in &facts.happened {
        let target = happened.planned.target;
        let reaches: &[Reach] = match happened.planned.kind {
            Kind::BrokerKilled | Kind::BrokerStopped => &[Reach::Broker, Reach::WayIn],
            Kind::ConnectionsClosed => &[Reach::WayIn, Reach::WayOut(None)],
            Kind::NetworkReset | Kind::Blackhole | Kind::ConfirmsLost if target == 0 => {
                &[Reach::WayIn]
            }
            Kind::NetworkReset | Kind::Blackhole | Kind::ConfirmsLost => {
                &[Reach::WayOut(Some(target - 1))]
            }
            Kind::ConsumerKilled | Kind::ConsumerFrozen => &[Reach::Consumer(target)],
            Kind::ProducerKilled => &[Reach::Producer(target)],
            Kind::PostgresKilled => &[Reach::Producer(ON_POSTGRES as usize)],
            Kind::RedisKilled => &[Reach::Ledger(None)],
            Kind::MemoryAlarm
            | Kind::SlowNetwork
            | Kind::ConsumerReplaced
            | Kind::ServerErrors
            | Kind::Throttled
            | Kind::Unauthorized
            | Kind::Silent
            | Kind::AnswersLost
            | Kind::SlowRamp
            | Kind::ApiDown
            | Kind::BadData => &[],
        };
        let (from_ms, until_ms) = (happened.began_ms, happened.ended_ms + RECOVERY_MS);
        incidents.extend(reaches.iter().map(|reach| Incident { from_ms, until_ms, reach: *reach }));
    }
    incidents.extend(violent_ends(facts));
    incidents.extend(facts.without_ledger.iter().map(|span| Incident {
        from_ms: span.from_ms - ACK_MS,
        until_ms: span.until_ms,
        reach: Reach::Ledger(Some(span.destination)),
    }));
    incidents
}

/// Consumers that ended in no order, though nobody planned it.
fn violent_ends(facts: &Facts) -> impl Iterator<Item = Incident> {
    facts.lives.iter().filter_map(|life| match (life.role, life.ended) {
        (Role::Consumer(destination), Some((at_ms, End::Overdue | End::ByItself(_)))) => {
            let from_ms = life.asked_ms.unwrap_or(at_ms - RECOVERY_MS);
            Some(Incident { from_ms, until_ms: at_ms, reach: Reach::Consumer(destination) })
        }
        _ => None,
    })
}

impl Incident {
    pub(super) fn overlaps(&self, from_ms: f64, until_ms: f64) -> bool {
        self.from_ms <= until_ms && from_ms <= self.until_ms
    }

    /// Whether it may have kept a delivery of this destination from being settled.
    pub(super) fn unsettles(&self, destination: usize) -> bool {
        match self.reach {
            Reach::Broker | Reach::WayOut(None) => true,
            Reach::WayOut(Some(other)) | Reach::Consumer(other) => other == destination,
            Reach::WayIn | Reach::Producer(_) | Reach::Ledger(_) => false,
        }
    }

    /// Whether it may have given an event of this producer one copy more on its way in.
    pub(super) fn copies(&self, producer: u32) -> bool {
        match self.reach {
            Reach::WayIn => true,
            Reach::Producer(other) => has_outbox(producer) && other == producer as usize,
            Reach::Broker | Reach::WayOut(_) | Reach::Consumer(_) | Reach::Ledger(_) => false,
        }
    }

    /// Whether it kept consumers of this destination from their shared ledger.
    pub(super) fn hides_ledger(&self, destination: usize) -> bool {
        matches!(self.reach, Reach::Ledger(whose) if whose.is_none_or(|one| one == destination))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Build;
    use super::*;
    use crate::stage::PRODUCERS;

    #[test]
    fn a_producer_that_is_killed_publishes_again_what_is_in_its_own_outbox() {
        let last = PRODUCERS - 1;
        let copies = |killed: u32, producer| {
            let build = Build::default().fault(Kind::ProducerKilled, killed as usize, 0.0);
            incidents(&build.facts).iter().any(|incident| incident.copies(producer))
        };
        assert!(copies(last, last), "the last one has an outbox");
        assert!(!copies(0, last), "it was another one");
        assert!(!copies(0, 0), "without an outbox nothing is published again");
    }
}
