//! I12: who is asked to stop does so in order, nobody stops who was not, and nothing is left over.

use super::case::Case;
use super::finding::Finding;
use crate::load::DESTINATIONS;
use crate::stage::{End, Life, Role};

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding = Finding::new("I12", "SIGTERM ends everybody in order, nothing is left over");
    let mut slowest_ms: f64 = 0.0;
    for life in &case.facts.lives {
        let Some((ended_ms, end)) = life.ended else {
            finding.offend(format!("{} is still there", words(life)), None);
            continue;
        };
        match end {
            End::Killed => {}
            End::Stopped(code) => {
                slowest_ms = slowest_ms.max(ended_ms - life.asked_ms.unwrap_or(ended_ms));
                finding.require(code == 0, || format!("{} ended with {code}", words(life)));
            }
            End::Overdue => finding.offend(format!("{} did not stop in time", words(life)), None),
            End::ByItself(code) => {
                finding.offend(format!("{} ended by itself ({code:?})", words(life)), None);
            }
        }
    }
    let left = case.facts.left;
    finding.require(left == 0, || format!("{left} messages were left when all had stopped"));
    finding.note = format!("the slowest took {:.1} s", slowest_ms / 1e3);
    finding
}

fn words(life: &Life) -> String {
    let who = match life.role {
        Role::Producer(number) => format!("producer {number}"),
        Role::Consumer(destination) => format!("a consumer of {}", DESTINATIONS[destination].name),
    };
    format!("{who} (process {}, {})", life.pid, life.log.display())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Build;
    use super::*;

    fn ended(end: End) -> u64 {
        let mut build = Build::default();
        build.facts.lives[0].ended = Some((1.0, end));
        build.check(check).offended
    }

    #[test]
    fn only_an_end_in_order_or_by_our_hand_is_right() {
        assert_eq!(ended(End::Stopped(0)), 0);
        assert_eq!(ended(End::Killed), 0);
        assert_eq!(ended(End::Stopped(1)), 1);
        assert_eq!(ended(End::Overdue), 1);
        assert_eq!(ended(End::ByItself(Some(101))), 1);
    }

    #[test]
    fn nothing_may_be_left() {
        let mut build = Build::default();
        build.facts.left = 3;
        assert_eq!(build.check(check).offended, 1);
    }
}
