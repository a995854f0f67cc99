//! `fanfare dlq list`.

use time::OffsetDateTime;

use super::dead_letter::DeadLetter;
use super::filter::Filter;
use super::scan::DeadLetters;
use crate::failure::Failure;
use crate::output::{Console, Rows, Tone, shortened};
use crate::when;

/// A table is laid out at once, so it must end.
const MOST_ROWS: u64 = 100;

/// What fits next to the other columns.
const LONGEST_REASON: usize = 160;

/// Shows the letters that are meant, the first in the queue first.
pub(super) async fn list(
    dead_letters: &DeadLetters,
    filter: &Filter,
    limit: Option<u64>,
    console: &mut Console,
) -> Result<(), Failure> {
    let limit = limit.unwrap_or(if console.json { u64::MAX } else { MOST_ROWS });
    let mut rows =
        Rows::with_sentences(&["ID", "TYPE", "CAUSE", "STATUS", "ATTEMPTS", "DEAD", "REASON"]);
    let now = OffsetDateTime::now_utc();
    let mut scan = dead_letters.scan(filter).await?;
    let (mut shown, mut has_more) = (0, false);
    while let Some(found) = scan.next().await? {
        if shown == limit {
            has_more = true;
            break;
        }
        shown += 1;
        if console.json {
            console.object(&found.letter)?;
        } else {
            rows.push(row(&found.letter, now));
        }
    }
    let (other_readers, waiting) = (scan.other_readers(), scan.waiting());
    let left = scan.close().await;
    if !console.json && rows.is_empty() {
        let destination = dead_letters.names.destination();
        console.line(match waiting {
            0 => format!("no dead letters of {destination}"),
            _ => format!("none of {waiting} dead letters of {destination} match"),
        })?;
    } else if !console.json {
        console.table(rows)?;
    }
    if has_more {
        console.remark(format_args!("there are more than {limit}; --limit shows more"));
    }
    super::command::remark_on_others(console, other_readers, if has_more { 0 } else { left });
    Ok(())
}

fn row(letter: &DeadLetter, now: OffsetDateTime) -> [(String, Tone); 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    // A letter that was replayed before is dead again.
    let again = if letter.replay.is_some() { ", again" } else { "" };
    let dead = letter.dead_at.map(|at| format!("{} ago{again}", when::span(when::age(at, now))));
    let reason = letter.reason.as_deref().map(|reason| shortened(reason, LONGEST_REASON));
    [
        letter.shown_id().to_owned(),
        or_dash(letter.event_type.clone()),
        or_dash(letter.cause.map(|cause| cause.to_string())),
        or_dash(letter.status.map(|status| status.to_string())),
        letter.attempts.to_string(),
        or_dash(dead),
        or_dash(reason),
    ]
    .map(|text| (text, Tone::Plain))
}
