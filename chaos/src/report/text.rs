//! The report in words: the verdict first.

use std::fmt::{self, Write};

use super::{Counts, Report};

/// Everything a tired operator needs, in the order in which he needs it.
pub(super) fn written(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    write(report, &mut text).unwrap_or_default();
    text
}

fn write(report: &Report, text: &mut String) -> fmt::Result {
    verdict(report, text)?;
    account(report, text)?;
    faults(report, text)?;
    findings(report, text)?;
    again(report, text)
}

fn verdict(report: &Report, text: &mut String) -> fmt::Result {
    let failed: Vec<_> =
        report.findings.iter().filter(|one| !one.holds()).map(|one| one.invariant).collect();
    if failed.is_empty() {
        writeln!(text, "\n  HOLDS. Nothing was lost, and nothing doubled without a reason.")
    } else {
        writeln!(text, "\n  FAILED: {} did not hold.", failed.join(", "))?;
        for finding in report.findings.iter().filter(|one| !one.holds()) {
            writeln!(text, "\n  {} {}", finding.invariant, finding.says)?;
            if finding.offended == 0 {
                writeln!(text, "      there was nothing to judge it by")?;
            }
            for offence in &finding.offences {
                writeln!(text, "      {}", offence.what)?;
                if let Some(name) = offence.event {
                    let (producer, number) = (name.producer, name.number);
                    writeln!(text, "        (event {number} of producer {producer})")?;
                }
            }
            let more = finding.offended.saturating_sub(finding.offences.len() as u64);
            if more > 0 {
                writeln!(text, "      and {more} more")?;
            }
        }
        writeln!(text, "\n  The logs and journals are in {}", report.folder.display())
    }
}

fn account(report: &Report, text: &mut String) -> fmt::Result {
    let Counts { begun, confirmed, rolled_back, maybe, bad } = report.published;
    writeln!(
        text,
        "\n  published  {begun} events in {:.0} s: {confirmed} confirmed, {maybe} unknown to \
         their producer, {rolled_back} rolled back; and {bad} messages that are no events",
        report.seconds
    )?;
    for one in &report.destinations {
        writeln!(
            text,
            "  {:<10} {:>6} delivered  {:>4} dead  {:>3} doubled  {:>6} requests  ({} ledger)",
            one.name, one.delivered, one.dead, one.doubled, one.requests, one.ledger
        )?;
    }
    Ok(())
}

fn faults(report: &Report, text: &mut String) -> fmt::Result {
    writeln!(text, "\n  faults                    times    seen")?;
    for (kind, (count, seen)) in report.by_kind() {
        writeln!(text, "  {kind:<24} {count:>6} {seen:>7}")?;
    }
    Ok(())
}

fn findings(report: &Report, text: &mut String) -> fmt::Result {
    writeln!(text, "\n  invariants                                                   judged")?;
    for finding in &report.findings {
        let mark = if finding.holds() { "✔" } else { "✘" };
        let (invariant, says, judged) = (finding.invariant, finding.says, finding.judged);
        writeln!(text, "  {mark} {invariant:<4} {says:<58} {judged:>8}  {}", finding.note)?;
    }
    Ok(())
}

fn again(report: &Report, text: &mut String) -> fmt::Result {
    let (seed, minutes) = (report.seed, report.seconds / 60.0);
    writeln!(text, "\n  RabbitMQ {}, seed {seed}; the same faults again:", report.broker)?;
    writeln!(text, "  cargo xtask chaos --seed {seed} --minutes {minutes}")
}
