//! The report: text for people, JSON for scripts, a picture.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::broker::{BODY_BYTES, Bench};
use crate::picture;
use crate::variant::{IN_FLIGHT, Variant};

/// What one measurement found.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// Deliveries a second.
    pub(crate) per_second: f64,
    /// CPU of the consumer process per delivery, in microseconds.
    pub(crate) cpu_us: f64,
    /// Peak resident memory of the consumer process, in megabytes.
    pub(crate) peak_mb: f64,
}

/// Everything that was measured in one run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    broker: String,
    deliveries: usize,
    body_bytes: usize,
    in_flight: usize,
    pub(crate) fast: Vec<(Variant, Figures)>,
    pub(crate) slow: Vec<(Variant, Figures)>,
    pub(crate) backlog: Option<(usize, Figures)>,
}

/// What 64 calls of 20 ms at a time allow, per second.
const SLOW_CEILING: f64 = IN_FLIGHT as f64 * 1000.0 / crate::SLOW_API_MS as f64;

impl Report {
    pub(crate) fn new(bench: &Bench, deliveries: usize) -> Self {
        Self {
            broker: format!("RabbitMQ {}", bench.version),
            deliveries,
            body_bytes: BODY_BYTES,
            in_flight: IN_FLIGHT,
            fast: Vec::new(),
            slow: Vec::new(),
            backlog: None,
        }
    }

    /// A variant's rate over the baseline's, by the medians of all rounds.
    pub(crate) fn ratio(&self, variant: Variant) -> f64 {
        self.median(variant, |f| f.per_second) / self.median(Variant::Naive, |f| f.per_second)
    }

    pub(crate) fn median(&self, variant: Variant, figure: impl Fn(&Figures) -> f64) -> f64 {
        let mut values: Vec<_> = self
            .fast
            .iter()
            .filter(|(measured, _)| *measured == variant)
            .map(|(_, figures)| figure(figures))
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write_text(&mut text).unwrap_or_default();
        text
    }

    fn write_text(&self, text: &mut String) -> fmt::Result {
        let Self { broker, deliveries, body_bytes, in_flight, .. } = self;
        writeln!(text, "engine / naive loop: {:.2} (medians)", self.ratio(Variant::Engine))?;
        for variant in [Variant::SharedLedger, Variant::Batches] {
            writeln!(text, "{} / naive loop: {:.2}", variant.name(), self.ratio(variant))?;
        }
        writeln!(text)?;
        writeln!(
            text,
            "{broker}, {deliveries} deliveries a measurement, {body_bytes}-byte events, \
             {in_flight} in flight, an API that answers at once, all on this machine"
        )?;
        for (variant, figures) in &self.fast {
            writeln!(text, "  {:<12} {figures}", variant.name())?;
        }
        writeln!(
            text,
            "\nan API that takes {} ms; {in_flight} in flight allow {SLOW_CEILING:.0}/s",
            crate::SLOW_API_MS
        )?;
        for (variant, figures) in &self.slow {
            let share = figures.per_second / SLOW_CEILING;
            writeln!(text, "  {:<12} {figures}, {share:.2} of what is allowed", variant.name())?;
        }
        if let Some((backlog, figures)) = &self.backlog {
            writeln!(text, "\na backlog of {backlog}\n  {:<12} {figures}", "engine")?;
        }
        Ok(())
    }

    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("report.txt"), self.text())?;
        fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)?)?;
        fs::write(folder.join("report.svg"), picture::draw(self))?;
        Ok(())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, cpu_us, peak_mb } = self;
        write!(f, "{per_second:>8.0}/s, {cpu_us:>5.1} µs CPU each, {peak_mb:>5.1} MB at the most")
    }
}
