//! `fanfare dlq replay`: look, ask, record, replay, record, say.

use fanfare_process::telemetry::Chain;
use serde_json::json;
use uuid::Uuid;

use super::approval::{Approval, approve, look_dry, say_dry};
use super::filter::Filter;
use super::on_console::OnConsole;
use super::replay::{ReplayOptions, ReplaySummary, replay};
use super::scan::DeadLetters;
use crate::audit::{AuditLog, Change, Ending};
use crate::failure::Failure;
use crate::output::Console;
use crate::session::Session;

pub(super) async fn run(
    session: &mut Session,
    dead_letters: DeadLetters,
    filter: Filter,
    dry_run: bool,
    yes: bool,
) -> Result<(), Failure> {
    if dry_run {
        return dry(&mut session.console, &dead_letters, &filter).await;
    }
    let approval = approve(session, &dead_letters, &filter, "Replay", yes).await?;
    if approval == Approval::Nothing {
        return say(&mut session.console, &unchanged(0, 0));
    }
    let at_most = approval.at_most();
    let unrouted = session.settings.namespace.unrouted();
    let replay = Uuid::now_v7();
    let options = ReplayOptions { dead_letters, unrouted, filter, replay, at_most };
    recorded(session, &options).await
}

async fn recorded(session: &mut Session, options: &ReplayOptions) -> Result<(), Failure> {
    let Session { settings, console, who, stop_on_signals } = session;
    let destination = options.dead_letters.names.destination().to_owned();
    let recorded = AuditLog::new(settings.audit_log.as_deref(), who).begin(Change {
        filter: Some(options.filter.described()),
        replay: Some(options.replay.to_string()),
        ..settings.change("dlq replay", vec![destination])
    })?;
    let stop = stop_on_signals();
    let mut report = OnConsole::new(console, "replaying");
    let (summary, ended) = match replay(options, &mut report, &stop).await {
        Ok(summary) => (summary, None),
        Err(ended) => (ended.summary, Some(ended.source)),
    };
    let done = report.done.clone();
    drop(report);
    let ReplaySummary { matched, replayed, failed, held_by_others, .. } = &summary;
    recorded.finish(&Ending {
        counts: json!({
            "matched": matched,
            "replayed": replayed,
            "failed": failed,
            "held_by_others": held_by_others,
        }),
        interrupted: stop.is_cancelled(),
        error: ended.as_ref().map(|error| Chain(error).to_string()),
    })?;
    if !console.json && done.total() > 0 {
        console.table(done.rows())?;
    }
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
        let summary = unchanged(preview.tally.total(), preview.held_by_others);
        return Ok(console.object(&summary)?);
    }
    say_dry(console, dead_letters, &preview, "replay")
}

fn unchanged(matched: u64, held_by_others: u64) -> ReplaySummary {
    ReplaySummary { replay: None, matched, replayed: 0, failed: 0, held_by_others }
}

fn say(console: &mut Console, summary: &ReplaySummary) -> Result<(), Failure> {
    if console.json {
        return Ok(console.object(summary)?);
    }
    let ReplaySummary { replay, replayed, failed, .. } = summary;
    let stay = if *failed > 0 { format!(", {failed} stay") } else { String::new() };
    match replay {
        Some(id) => console.line(format_args!("replayed {replayed}{stay} (replay {id})"))?,
        None => console.line("replayed nothing")?,
    }
    Ok(())
}

fn verdict(summary: &ReplaySummary, interrupted: bool) -> Result<(), Failure> {
    let not_as_asked = |what: String| Err(Failure::NotAsAsked(what));
    if interrupted {
        return not_as_asked("stopped before the end; the rest is untouched".into());
    }
    if summary.failed > 0 {
        let (failed, matched) = (summary.failed, summary.matched);
        return not_as_asked(format!("{failed} of {matched} dead letters could not be replayed"));
    }
    if summary.held_by_others > 0 {
        let held = summary.held_by_others;
        return not_as_asked(format!("another reader holds {held} dead letters; run it again"));
    }
    Ok(())
}
