//! I6: never more calls at the same time than the consumers that run may make.

use super::case::{Case, end_ms};
use super::finding::Finding;
use crate::stage::{CONCURRENCY, End, Life, Role};

/// A process that was killed is noticed by its API when the kernel has closed its connections.
const LET_GO_MS: f64 = 1_000.0;

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new("I6", "no more calls at a time than the limits allow");
    let mut most = [0_usize; 3];
    for (destination, place) in case.places.iter().enumerate() {
        let lives: Vec<&Life> = case
            .facts
            .lives
            .iter()
            .filter(|life| life.role == Role::Consumer(destination))
            .collect();
        let mut under_way: Vec<f64> = Vec::new();
        for call in &place.facts.calls {
            let at_ms = call.arrived_ms;
            under_way.retain(|ended_ms| *ended_ms > at_ms);
            under_way.push(end_ms(call));
            most[destination] = most[destination].max(under_way.len());
            let limit = CONCURRENCY as usize * callers(&lives, at_ms);
            finding.require(under_way.len() <= limit, || {
                let (name, count) = (place.spec.name, under_way.len());
                format!("{count} calls at a time to {name}, where {limit} are allowed")
            });
        }
    }
    let [hubspot, sendgrid, webhook] = most;
    finding.note = format!("at the most {hubspot}, {sendgrid} and {webhook} at a time");
    finding
}

/// Processes that may have calls under way: of those that died, their last ones too.
fn callers(lives: &[&Life], at_ms: f64) -> usize {
    let can_call = |life: &&&Life| {
        let lingers_ms = match life.ended {
            Some((_, End::Killed | End::Overdue | End::ByItself(_))) => LET_GO_MS,
            Some((_, End::Stopped(_))) | None => 0.0,
        };
        life.began_ms <= at_ms && at_ms <= life.until_ms() + lingers_ms
    };
    lives.iter().filter(can_call).count()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Build, SENDGRID};
    use super::*;

    fn together(count: u64) -> Build {
        (0..count).fold(Build::default(), |build, _| build.delivered_at(SENDGRID, 0, 0.0))
    }

    #[test]
    fn as_many_as_all_consumers_may_is_right_and_one_more_is_not() {
        // The fixture's two consumers of each destination.
        let most = u64::from(CONCURRENCY) * 2;
        assert!(together(most).check(check).holds());
        let finding = together(most + 1).check(check);
        assert_eq!(finding.offended, 1, "{finding:?}");
    }
}
