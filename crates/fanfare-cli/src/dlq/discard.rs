//! Removing dead letters for good.

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::change::{ChangeEnded, ChangeError};
use super::filter::Filter;
use super::report::Report;
use super::scan::{DeadLetters, Scan};

/// What a removal did; its JSON form is an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DiscardSummary {
    /// Letters that were meant.
    pub matched: u64,
    /// Letters that are removed.
    pub discarded: u64,
    /// Letters that could not be read because another reader holds them.
    pub held_by_others: u64,
}

/// Removes what `filter` means, at most `at_most`, the first in the queue first.
///
/// Once `stop` is cancelled no further letter is removed.
pub async fn discard(
    dead_letters: &DeadLetters,
    filter: &Filter,
    at_most: Option<u64>,
    report: &mut impl Report,
    stop: &CancellationToken,
) -> Result<DiscardSummary, ChangeEnded<DiscardSummary>> {
    let mut summary = DiscardSummary::default();
    let ended = |summary, source: ChangeError| ChangeEnded { summary, source };
    let mut scan = match dead_letters.scan(filter).await {
        Ok(scan) => scan,
        Err(source) => return Err(ended(summary, source.into())),
    };
    report.begins(scan.waiting());
    let passed = pass(&mut scan, at_most, report, stop, &mut summary).await;
    let left = scan.close().await;
    match passed {
        Ok(reached_the_end) => {
            summary.held_by_others = if reached_the_end { left } else { 0 };
            Ok(summary)
        }
        Err(source) => Err(ended(summary, source)),
    }
}

async fn pass(
    scan: &mut Scan<'_>,
    at_most: Option<u64>,
    report: &mut impl Report,
    stop: &CancellationToken,
    summary: &mut DiscardSummary,
) -> Result<bool, ChangeError> {
    while !stop.is_cancelled() && at_most.is_none_or(|most| summary.matched < most) {
        let Some(found) = scan.next().await? else { return Ok(true) };
        summary.matched += 1;
        scan.remove(found.browsed).await?;
        summary.discarded += 1;
        report.read(scan.read());
        report.done(&found.letter);
    }
    Ok(false)
}
