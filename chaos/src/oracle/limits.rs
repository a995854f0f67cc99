//! I6: never more calls at the same time, or in a second, than the consumers that run may make.

use super::case::{Case, end_ms};
use super::finding::Finding;
use crate::stage::{CONCURRENCY, End, LIMITED, Life, RATE, Role};

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
    let fastest = rates(case, &mut finding);
    let [hubspot, sendgrid, webhook] = most;
    finding.note =
        format!("at the most {hubspot}, {sendgrid}, {webhook} at a time, {fastest} in a second");
    finding
}

/// In no second are there more calls than its consumers together may make. Returns the most.
fn rates(case: &Case<'_>, finding: &mut Finding) -> usize {
    let place = &case.places[LIMITED];
    let role = Role::Consumer(LIMITED);
    let lives: Vec<&Life> = case.facts.lives.iter().filter(|life| life.role == role).collect();
    let (mut first, mut most) = (0, 0);
    for (last, call) in place.facts.calls.iter().enumerate() {
        let until_ms = call.arrived_ms;
        while until_ms - place.facts.calls[first].arrived_ms >= SECOND_MS {
            first += 1;
        }
        let count = last - first + 1;
        most = most.max(count);
        let from_ms = place.facts.calls[first].arrived_ms;
        let took_part = |life: &&&Life| life.began_ms <= until_ms && from_ms <= life.until_ms();
        let limit = RATE as usize * lives.iter().filter(took_part).count();
        finding.require(count <= limit, || {
            let name = place.spec.name;
            format!("{count} calls in a second to {name}, where {limit} are allowed")
        });
    }
    most
}

const SECOND_MS: f64 = 1_000.0;

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
    use super::super::fixture::{Build, SENDGRID, WEBHOOK};
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

    #[test]
    fn as_many_in_a_second_as_all_consumers_may_is_right_and_one_more_is_not() {
        let paced = |count: u64| {
            (0..count)
                .fold(Build::default(), |build, n| build.delivered_at(WEBHOOK, 0, n as f64 * 4.0))
        };
        assert!(paced(u64::from(RATE) * 2).check(check).holds());
        assert_eq!(paced(u64::from(RATE) * 2 + 1).check(check).offended, 1);
    }
}
