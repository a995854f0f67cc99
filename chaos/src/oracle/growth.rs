//! I13: memory, descriptors and threads of a process that lives on stay what they were.

use std::collections::BTreeMap;

use super::case::Case;
use super::finding::Finding;
use crate::watch::Usage;

/// Of a shorter life nothing can be said.
const SHORTEST_MS: f64 = 30_000.0;

/// A consumer that could do nothing in its first quarter, the broker being away, comes to its size
/// of some 48 MiB from half of that; more is growth.
const MEMORY_KB: u64 = 40 * 1024;
/// Connections to the broker and to the API, of which there are more in a storm.
const DESCRIPTORS: u64 = 48;
const THREADS: u64 = 8;

/// What is measured, how it is read, and by how much it may be more later on.
type Measure = (&'static str, fn(&Usage) -> u64, u64);

const MEASURES: [Measure; 3] = [
    ("KiB of memory", |one| one.memory_kb, MEMORY_KB),
    ("descriptors", |one| one.descriptors, DESCRIPTORS),
    ("threads", |one| one.threads, THREADS),
];

pub(super) fn check(case: &Case<'_>) -> Finding {
    let mut finding =
        Finding::new("I13", "memory, descriptors and threads stay flat").may_be_idle();
    let mut by_process: BTreeMap<u32, Vec<&Usage>> = BTreeMap::new();
    for usage in &case.facts.recording.usage {
        by_process.entry(usage.pid).or_default().push(usage);
    }
    let mut most_kb = 0;
    for (pid, usage) in by_process {
        most_kb = usage.iter().map(|one| one.memory_kb).fold(most_kb, u64::max);
        let lived_ms = usage[usage.len() - 1].at_ms - usage[0].at_ms;
        if lived_ms < SHORTEST_MS {
            continue;
        }
        // The first quarter is for coming to its size.
        let quarter = usage.len() / 4;
        let (early, late) = (&usage[quarter..2 * quarter], &usage[3 * quarter..]);
        for (what, of, allowed) in MEASURES {
            let (before, after) = (median(early, of), median(late, of));
            finding.require(after <= before + allowed, || {
                format!("process {pid} grew from {before} to {after} {what}")
            });
        }
    }
    finding.note = format!("{} MiB at the most", most_kb / 1024);
    finding
}

fn median(usage: &[&Usage], of: fn(&Usage) -> u64) -> u64 {
    let mut values: Vec<u64> = usage.iter().map(|one| of(one)).collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Build;
    use super::*;

    fn growing(by: u64) -> Finding {
        let mut build = Build::default();
        build.facts.recording.usage = (0..200)
            .map(|n| Usage {
                pid: 1,
                at_ms: n as f64 * 500.0,
                memory_kb: 20_000,
                descriptors: 40 + n * by,
                threads: 4,
                gate: None,
            })
            .collect();
        build.check(check)
    }

    #[test]
    fn what_grows_is_an_offence_and_what_stays_is_not() {
        assert!(growing(0).holds());
        assert_eq!(growing(1).offended, 1);
    }
}
