//! What goes wrong at an API that is not at its best: a bit of everything, by a fixed seed.

use crate::mock::{Fault, Moment, RequestRecord, Rule};

/// Faults for about so many calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    calls: usize,
    seed: u64,
}

/// Of all calls so many are answered 503, without a `Retry-After`.
const UNAVAILABLE: f64 = 0.05;

/// The whole destination waits for so many seconds after a 429.
const RETRY_AFTER_SECONDS: &str = "1";

/// A fault that is to happen `times` times is drawn at a rate that would make it happen so many
/// times as often, so that all have happened well before the end.
const EAGERNESS: usize = 4;
/// No fault is so likely that several calls in a row must meet it.
const MOST_LIKELY: f64 = 0.25;

impl Weather {
    pub(super) fn for_calls(calls: usize, seed: u64) -> Self {
        Self { calls, seed }
    }

    /// The faults, the rarest first: the first that applies decides.
    pub(super) fn rules(self) -> Vec<Rule> {
        let throttled = Fault::status(429).retry_after(RETRY_AFTER_SECONDS);
        let few = (self.calls / 300).clamp(1, 20);
        let rare = [
            (throttled, 2),
            (Fault::hang(Moment::BeforeRead), few),
            (Fault::hang(Moment::AfterRead), few),
            (Fault::reset(Moment::BeforeRead), few),
            (Fault::reset(Moment::AfterRead), few),
        ];
        let mut rules: Vec<_> = (1_u64..)
            .zip(rare)
            .map(|(nth, (fault, times))| self.drawn(self.seed * 100 + nth, fault, times))
            .collect();
        rules.push(Rule::sometimes(UNAVAILABLE, self.seed * 100, Fault::status(503)));
        rules
    }

    fn drawn(self, seed: u64, fault: Fault, times: usize) -> Rule {
        let rate = (EAGERNESS * times) as f64 / self.calls.max(1) as f64;
        Rule::sometimes(rate.min(MOST_LIKELY), seed, fault).times(times as u64)
    }
}

/// What went wrong with these requests, in words and numbers, the most frequent first.
pub(super) fn in_words(requests: &[RequestRecord]) -> String {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for kind in requests.iter().filter_map(kind) {
        match counted.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => counted.push((kind, 1)),
        }
    }
    counted.sort_by(|(one, a), (two, b)| b.cmp(a).then_with(|| one.cmp(two)));
    let words: Vec<_> = counted.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    words.join(" · ")
}

fn kind(request: &RequestRecord) -> Option<String> {
    let kind = match request.fault? {
        "status" => request.status.map(|status| status.to_string())?,
        fault if fault.starts_with("hang") => "no answer".to_owned(),
        fault if fault.starts_with("reset") => "reset".to_owned(),
        other => other.to_owned(),
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_by_frequency() {
        let request = |fault, status| RequestRecord { fault, status, ..RequestRecord::default() };
        let log = [
            request(Some("status"), Some(503)),
            request(None, Some(200)),
            request(Some("reset before_read"), None),
            request(Some("hang after_read"), None),
            request(Some("reset after_read"), None),
        ];
        assert_eq!(in_words(&log), "2 × reset · 1 × 503 · 1 × no answer");
    }

    #[test]
    fn no_rate_is_beyond_what_a_rule_may_have() {
        for calls in [0, 1, 60, 1000, 1_000_000] {
            for rule in Weather::for_calls(calls, 1).rules() {
                assert!(rule.rate.is_some_and(|rate| rate <= MOST_LIKELY), "{calls}: {rule:?}");
            }
        }
    }
}
