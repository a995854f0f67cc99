//! What was found about outboxes: text for people, JSON for scripts.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use serde::Serialize;

use super::Inserts;
use crate::broker::{BODY_BYTES, Bench};

/// Everything that was measured of outboxes in one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OutboxReport {
    broker: String,
    rows: usize,
    old_rows: usize,
    body_bytes: usize,
    /// Events a second, without an outbox.
    pub(super) direct: Vec<f64>,
    pub(super) sqlite: Figures,
    pub(super) postgres: Figures,
}

/// Of one database.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    /// Events a second.
    pub(super) relayed: Vec<f64>,
    /// In a table full of rows that were sent.
    pub(super) relayed_when_full: f64,
    /// In an empty table, and in one full of rows that were sent.
    pub(super) inserts: [Inserts; 2],
}

impl OutboxReport {
    pub(super) fn new(bench: &Bench, rows: usize, old_rows: usize) -> Self {
        Self {
            broker: format!("RabbitMQ {}", bench.version),
            rows,
            old_rows,
            body_bytes: BODY_BYTES,
            direct: Vec::new(),
            sqlite: Figures::default(),
            postgres: Figures::default(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write_text(&mut text).unwrap_or_default();
        text
    }

    fn write_text(&self, text: &mut String) -> fmt::Result {
        let Self { broker, rows, old_rows, body_bytes, .. } = self;
        let direct = median(&self.direct);
        writeln!(
            text,
            "{broker}, {rows} events a measurement of {body_bytes} bytes, all on this machine"
        )?;
        writeln!(text, "published directly: {direct:.0}/s, each confirmed (medians)")?;
        for (name, figures) in [("SQLite", &self.sqlite), ("PostgreSQL", &self.postgres)] {
            let relayed = median(&figures.relayed);
            let full = figures.relayed_when_full;
            writeln!(
                text,
                "  {name:<10} relayed {relayed:.0}/s, {:.2} of it; with {old_rows} old rows \
                 {full:.0}/s, {:.2} of it",
                relayed / direct,
                full / direct
            )?;
            let [empty, full] = figures.inserts;
            writeln!(
                text,
                "  {name:<10} one more insert {empty}; with {old_rows} old rows {full}"
            )?;
        }
        Ok(())
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("outbox.txt"), self.text())?;
        fs::write(folder.join("outbox.json"), serde_json::to_string_pretty(self)?)?;
        Ok(())
    }
}

impl fmt::Display for Inserts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { median_us, p99_us } = self;
        write!(f, "{median_us:.0} µs, p99 {p99_us:.0} µs")
    }
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
