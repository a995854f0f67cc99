//! What consumers say in their logs about the ledger that they share.

use std::fs;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::facts::WithoutLedger;
use crate::stage::{Life, Role};

#[derive(Deserialize)]
struct Line {
    timestamp: String,
    message: String,
}

const AWAY: &str = "the ledger cannot be reached";
const BACK: &str = "the ledger is back";

/// The times in which a consumer said that it had to do without the ledger.
pub(crate) fn without_ledger(life: &Life) -> Vec<WithoutLedger> {
    let Role::Consumer(destination) = life.role else { return Vec::new() };
    let log = fs::read_to_string(&life.log).unwrap_or_default();
    spans(&log, life.until_ms())
        .into_iter()
        .map(|(from_ms, until_ms)| WithoutLedger { destination, from_ms, until_ms })
        .collect()
}

fn spans(log: &str, end_ms: f64) -> Vec<(f64, f64)> {
    let mut spans = Vec::new();
    let mut away_ms = None;
    for line in log.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
        let Some(at_ms) = moment_ms(&line.timestamp) else { continue };
        if line.message == AWAY {
            away_ms = away_ms.or(Some(at_ms));
        } else if line.message == BACK {
            spans.extend(away_ms.take().map(|from_ms| (from_ms, at_ms)));
        }
    }
    spans.extend(away_ms.map(|from_ms| (from_ms, end_ms)));
    spans
}

fn moment_ms(timestamp: &str) -> Option<f64> {
    let moment = OffsetDateTime::parse(timestamp, &Rfc3339).ok()?;
    Some(moment.unix_timestamp_nanos() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_when_the_ledger_is_back_or_with_the_log() {
        let line = |second: u32, message: &str| {
            let timestamp = format!("1970-01-01T00:00:0{second}Z");
            serde_json::json!({ "timestamp": timestamp, "message": message }).to_string() + "\n"
        };
        let log = [line(1, AWAY), line(2, "something"), line(3, BACK), line(5, AWAY)].concat();
        assert_eq!(spans(&log, 9_000.0), [(1_000.0, 3_000.0), (5_000.0, 9_000.0)]);
        assert_eq!(spans("not json\n", 1.0), []);
    }
}
