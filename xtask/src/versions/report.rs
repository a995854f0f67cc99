//! What came of it: one row for each line of RabbitMQ.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Report(Vec<Row>);

/// How the stories went with one version.
#[derive(Debug)]
pub(super) struct Row {
    version: String,
    passed: usize,
    failed: Vec<String>,
    /// Whether the tests ended well and there were any.
    well: bool,
    took: Duration,
}

impl Report {
    pub(super) fn add(&mut self, row: Row) {
        self.0.push(row);
    }

    pub(super) fn all_passed(&self) -> bool {
        self.0.iter().all(|row| row.well)
    }
}

impl Row {
    pub(super) fn new(version: String) -> Self {
        Self { version, passed: 0, failed: Vec::new(), well: false, took: Duration::ZERO }
    }

    /// Reads a line of what the tests print: `test NAME ... ok`, or `FAILED`.
    pub(super) fn read(&mut self, line: &str) {
        let Some((name, verdict)) =
            line.strip_prefix("test ").and_then(|line| line.split_once(" ... "))
        else {
            return;
        };
        match verdict {
            "ok" => self.passed += 1,
            "FAILED" => self.failed.push(name.to_owned()),
            _ => {}
        }
    }

    /// The tests may end badly without naming one that failed, and well without having run any.
    pub(super) fn ended(mut self, well: bool, took: Duration) -> Self {
        self.well = well && self.failed.is_empty() && self.passed > 0;
        self.took = took;
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<12}{:>8}{:>8}{:>8}", "RabbitMQ", "passed", "failed", "time")?;
        for Row { version, passed, failed, well, took } in &self.0 {
            let took = format!("{} s", took.as_secs());
            write!(out, "\n{version:<12}{passed:>8}{:>8}{took:>8}", failed.len())?;
            if !well && failed.is_empty() {
                write!(out, "  did not end well")?;
            }
        }
        for Row { version, failed, .. } in &self.0 {
            for name in failed {
                write!(out, "\nfailed with {version}: {name}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: &str, printed: &str, well: bool) -> Row {
        let mut row = Row::new(version.to_owned());
        printed.lines().for_each(|line| row.read(line));
        row.ended(well, Duration::from_secs(61))
    }

    const PRINTED: &str = "running 3 tests\ntest broker::alarm::a ... ok\n\
                           test broker::b ... ignored, long\ntest broker::c ... ok\n";

    #[test]
    fn what_failed_is_counted_and_named() {
        let mut report = Report::default();
        report.add(row("3.10.8", PRINTED, true));
        assert!(report.all_passed());
        report.add(row("4.3.6", &format!("{PRINTED}test crashes::d ... FAILED\n"), false));
        assert!(!report.all_passed());
        let expected = "RabbitMQ      passed  failed    time\n\
                        3.10.8             2       0    61 s\n\
                        4.3.6              2       1    61 s\n\
                        failed with 4.3.6: crashes::d";
        assert_eq!(report.to_string(), expected);
    }

    #[test]
    fn a_run_that_breaks_off_or_runs_nothing_has_not_passed() {
        for (printed, well) in [(PRINTED, false), ("running 0 tests\n", true)] {
            let mut report = Report::default();
            report.add(row("4.0.5", printed, well));
            assert!(!report.all_passed(), "{printed}");
            assert!(report.to_string().ends_with("did not end well"), "{report}");
        }
    }
}
