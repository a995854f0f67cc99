//! `fanfare dlq discard`: look, ask, record, remove, record, say.

use fanfare_process::telemetry::Chain;
use serde_json::json;

use super::approval::{Approval, approve, look_dry, say_dry};
use super::discard::{DiscardSummary, discard};
use super::filter::Filter;
use super::on_console::OnConsole;
use super::scan::DeadLetters;
use crate::arguments::DlqDiscard;
use crate::audit::{AuditLog, Change, Ending};
use crate::failure::Failure;
use crate::output::Console;
use crate::session::Session;

pub(super) async fn run(
    session: &mut Session,
    dead_letters: &DeadLetters,
    filter: &Filter,
    arguments: &DlqDiscard,
) -> Result<(), Failure> {
    if arguments.why.trim().is_empty() {
        return Err(Failure::Usage("--why is empty; say why these events may be lost".into()));
    }
    if arguments.dry_run {
        return dry(&mut session.console, dead_letters, filter).await;
    }
    let approval =
        approve(session, dead_letters, filter, "Discard for good", arguments.yes).await?;
    if approval == Approval::Nothing {
        return say(&mut session.console, &DiscardSummary::default());
    }
    recorded(session, dead_letters, filter, approval.at_most(), &arguments.why).await
}

async fn recorded(
    session: &mut Session,
    dead_letters: &DeadLetters,
    filter: &Filter,
    at_most: Option<u64>,
    why: &str,
) -> Result<(), Failure> {
    let Session { settings, console, who, stop_on_signals } = session;
    let destination = dead_letters.names.destination().to_owned();
    let recorded = AuditLog::new(settings.audit_log.as_deref(), who).begin(Change {
        filter: Some(filter.described()),
        why: Some(why.to_owned()),
        ..settings.change("dlq discard", vec![destination])
    })?;
    let stop = stop_on_signals();
    let mut report = OnConsole::new(console, "discarding");
    let (summary, ended) = match discard(dead_letters, filter, at_most, &mut report, &stop).await {
        Ok(summary) => (summary, None),
        Err(ended) => (ended.summary, Some(ended.source)),
    };
    drop(report);
    recorded.finish(&Ending {
        counts: json!(summary),
        interrupted: stop.is_cancelled(),
        error: ended.as_ref().map(|error| Chain(error).to_string()),
    })?;
    say(console, &summary)?;
    match ended {
        Some(error) => Err(error.into()),
        None => verdict(&summary, stop.is_cancelled()),
    }
}

async fn dry(
    console: &mut Console,
    dead_letters: &DeadLetters,
    filter: &Filter,
) -> Result<(), Failure> {
    let preview = look_dry(console, dead_letters, filter).await?;
    if console.json {
        let (matched, held_by_others) = (preview.tally.total(), preview.held_by_others);
        let summary = DiscardSummary { matched, discarded: 0, held_by_others };
        return Ok(console.object(&summary)?);
    }
    say_dry(console, dead_letters, &preview, "discard")
}

fn say(console: &mut Console, summary: &DiscardSummary) -> Result<(), Failure> {
    if console.json {
        return Ok(console.object(summary)?);
    }
    Ok(console.line(format_args!("discarded {}", summary.discarded))?)
}

fn verdict(summary: &DiscardSummary, interrupted: bool) -> Result<(), Failure> {
    if interrupted {
        return Err(Failure::NotAsAsked("stopped before the end; the rest is untouched".into()));
    }
    if summary.held_by_others > 0 {
        let held = summary.held_by_others;
        let what = format!("another reader holds {held} dead letters; run it again");
        return Err(Failure::NotAsAsked(what));
    }
    Ok(())
}
