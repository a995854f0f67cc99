//! `fanfare pause` and `fanfare resume`: look, write what is new, say how it stands.

use fanfare_broker::control::{ControlState, Notice};
use fanfare_broker::{DestinationNames, InvalidName};
use fanfare_process::telemetry::Chain;
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;

use super::standing::{Standing, State};
use super::steer::{self, Order};
use crate::arguments::ControlArguments;
use crate::audit::{AuditLog, Change, Ending};
use crate::failure::Failure;
use crate::output::Console;
use crate::session::Session;
use crate::settings::Settings;

/// What became of an order to one destination; its JSON form is an interface.
#[derive(Serialize)]
struct Answer<'a> {
    destination: &'a str,
    /// Whether anything was written: an order to what stands that way already is no error.
    changed: bool,
    #[serde(flatten)]
    standing: Standing,
}

pub(crate) async fn pause(
    session: &mut Session,
    arguments: &ControlArguments,
) -> Result<(), Failure> {
    give(session, Order::Pause, arguments).await
}

pub(crate) async fn resume(
    session: &mut Session,
    arguments: &ControlArguments,
) -> Result<(), Failure> {
    give(session, Order::Resume, arguments).await
}

async fn give(
    session: &mut Session,
    order: Order,
    arguments: &ControlArguments,
) -> Result<(), Failure> {
    let destinations = checked(&session.settings, &arguments.destinations)?;
    let logs = steer::read(&session.settings.broker, &destinations).await?;
    let why = arguments.why.as_deref();
    let notice = order.notice(&session.who.on_whose_behalf(), why.unwrap_or_default());
    let concerned: Vec<_> = destinations
        .iter()
        .zip(&logs)
        .filter_map(|(names, log)| order.changes(log).then_some(names))
        .collect();
    if !concerned.is_empty() {
        recorded(session, order, &concerned, &notice, why).await?;
    }
    for (names, mut log) in destinations.iter().zip(logs) {
        let changed = order.changes(&log);
        if changed {
            log.apply(&notice);
        }
        say(&mut session.console, order, names.destination(), changed, &log)?;
    }
    Ok(())
}

async fn recorded(
    session: &mut Session,
    order: Order,
    concerned: &[&DestinationNames],
    notice: &Notice,
    why: Option<&str>,
) -> Result<(), Failure> {
    let Session { settings, who, stop_on_signals, .. } = session;
    let names = concerned.iter().map(|names| names.destination().to_owned());
    let recorded = AuditLog::new(settings.audit_log.as_deref(), who).begin(Change {
        why: why.map(str::to_owned),
        ..settings.change(order.command(), names.collect())
    })?;
    // Heard and not obeyed: it takes a moment, and is written or not.
    let _stop = stop_on_signals();
    let (written, result) = steer::publish(&settings.broker, concerned, notice).await;
    recorded.finish(&Ending {
        counts: json!({ "written": written }),
        interrupted: false,
        error: result.as_ref().err().map(|error| Chain(error).to_string()),
    })?;
    Ok(result?)
}

/// Each destination once, however often it is named.
fn checked(settings: &Settings, names: &[String]) -> Result<Vec<DestinationNames>, Failure> {
    let mut checked: Vec<DestinationNames> = Vec::new();
    for name in names {
        let names = settings.namespace.destination(name);
        let names = names.map_err(|error: InvalidName| Failure::Usage(error.to_string()))?;
        if !checked.contains(&names) {
            checked.push(names);
        }
    }
    Ok(checked)
}

fn say(
    console: &mut Console,
    order: Order,
    destination: &str,
    changed: bool,
    log: &ControlState,
) -> Result<(), Failure> {
    let standing = Standing::of(log, OffsetDateTime::now_utc());
    if console.json {
        return Ok(console.object(&Answer { destination, changed, standing })?);
    }
    let line = standing.line().unwrap_or_default();
    console.line(format_args!("{destination}: {}{line}", if changed { "" } else { "already " }))?;
    if changed && standing.state == Some(State::Troubled) {
        console.remark(format_args!("{destination}: its replicas look again now"));
    } else if changed && order == Order::Resume && log.trouble().is_some() {
        console.remark(format_args!(
            "{destination} still waits as it was asked to; `fanfare resume -d {destination}` once \
             more ends that too"
        ));
    }
    Ok(())
}
