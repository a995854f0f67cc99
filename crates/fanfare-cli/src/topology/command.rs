//! `fanfare topology`: plan, apply, verify.

use fanfare_broker::topology::{Topology, declare, how_to_change_order};
use fanfare_process::telemetry::Chain;
use serde_json::json;

use super::compare::{CompareError, Comparison, compare};
use super::object::{ObjectState, State};
use super::planned::{PlanError, planned};
use crate::arguments::{TopologyArguments, TopologyCommand};
use crate::audit::{AuditLog, Change, Ending};
use crate::failure::Failure;
use crate::output::{Console, Rows, Tone};
use crate::session::Session;
use crate::settings::Settings;

pub(crate) async fn command(
    session: &mut Session,
    command: TopologyCommand,
) -> Result<(), Failure> {
    match command {
        TopologyCommand::Plan(arguments) => plan(session, &arguments).await,
        TopologyCommand::Apply(arguments) => apply(session, &arguments).await,
        TopologyCommand::Verify(arguments) => verify(session, &arguments).await,
    }
}

async fn plan(session: &mut Session, arguments: &TopologyArguments) -> Result<(), Failure> {
    let topology = topology(session, arguments)?;
    let comparison = compared(session, &topology).await?;
    show(&mut session.console, comparison.objects.iter())?;
    say_about_bindings(&mut session.console, &comparison);
    say_about_order(&mut session.console, &comparison);
    session.console.remark(comparison.summary());
    Ok(())
}

async fn verify(session: &mut Session, arguments: &TopologyArguments) -> Result<(), Failure> {
    let topology = topology(session, arguments)?;
    let comparison = compared(session, &topology).await?;
    let console = &mut session.console;
    show(console, comparison.drift())?;
    if console.json {
        // A person is told their number, and `plan` lists them.
        show(console, comparison.hidden())?;
    }
    say_about_bindings(console, &comparison);
    say_about_order(console, &comparison);
    let summary = comparison.summary();
    if comparison.drift().next().is_some() {
        return Err(Failure::NotAsAsked(summary));
    }
    console.remark(summary);
    Ok(())
}

async fn apply(session: &mut Session, arguments: &TopologyArguments) -> Result<(), Failure> {
    let topology = topology(session, arguments)?;
    let before = compared(session, &topology).await?;
    let different: Vec<_> = before.different().collect();
    if !different.is_empty() {
        let count = different.len();
        show(&mut session.console, different.into_iter())?;
        say_about_order(&mut session.console, &before);
        return Err(Failure::NotAsAsked(format!(
            "{count} objects stand with other arguments, which cannot be changed without deleting \
             them and what they hold; nothing was changed"
        )));
    }
    let Session { settings, console, who, stop_on_signals } = session;
    let recorded =
        AuditLog::new(settings.audit_log.as_deref(), who).begin(change(settings, arguments))?;
    // Heard and not obeyed: it takes a second, and half a topology is no place to stop.
    let _stop = stop_on_signals();
    let declared = declare(&settings.broker, &topology).await;
    let missing = before.objects.iter().filter(|object| object.state == State::Missing);
    recorded.finish(&Ending {
        counts: json!({
            "exchanges": topology.exchanges.len(),
            "queues": topology.queues.len(),
            "bindings": topology.bindings.len(),
            "missing_before": missing.clone().count(),
        }),
        interrupted: false,
        error: declared.as_ref().err().map(|error| Chain(error).to_string()),
    })?;
    declared?;
    let applied = missing.map(|object| ObjectState { state: State::AsPlanned, ..object.clone() });
    show(console, applied.collect::<Vec<_>>().iter())?;
    let total = before.objects.len();
    console.remark(format_args!("{total} objects are declared"));
    Ok(())
}

fn change(settings: &Settings, arguments: &TopologyArguments) -> Change {
    let named = arguments.destinations.iter().map(|destination| destination.name.clone());
    let mut destinations: Vec<_> = named.collect();
    if destinations.is_empty() {
        destinations.clone_from(&settings.destinations);
    }
    settings.change("topology apply", destinations)
}

fn topology(session: &Session, arguments: &TopologyArguments) -> Result<Topology, Failure> {
    let settings = &session.settings;
    planned(&settings.namespace, arguments, &settings.destinations)
        .map_err(|error: PlanError| Failure::Usage(error.to_string()))
}

async fn compared(session: &Session, topology: &Topology) -> Result<Comparison, Failure> {
    let settings = &session.settings;
    compare(&settings.broker, settings.management.as_ref(), topology).await.map_err(|error| {
        match error {
            CompareError::Verify(error) => error.into(),
            CompareError::Management(error) => error.into(),
        }
    })
}

fn show<'a>(
    console: &mut Console,
    objects: impl Iterator<Item = &'a ObjectState>,
) -> Result<(), Failure> {
    if console.json {
        for object in objects {
            console.object(object)?;
        }
        return Ok(());
    }
    let mut rows = Rows::new(&["KIND", "NAME", "ARGUMENTS", "STATE"]);
    for object in objects {
        let tone = match object.state {
            State::AsPlanned => Tone::Good,
            State::NotLookedAt => Tone::Plain,
            State::Missing | State::Unknown => Tone::Warning,
            State::Different | State::Unplanned => Tone::Bad,
        };
        rows.push([
            (object.kind.as_str().to_owned(), Tone::Plain),
            (object.name.clone(), Tone::Plain),
            (object.arguments_line(), Tone::Plain),
            (object.state_line(), tone),
        ]);
    }
    if !rows.is_empty() {
        console.table(rows)?;
    }
    Ok(())
}

fn say_about_order(console: &mut Console, comparison: &Comparison) {
    for queue in comparison.with_other_order() {
        let instead = how_to_change_order(queue);
        console
            .remark(format_args!("whether queue {queue} is ordered cannot be changed; {instead}"));
    }
}

fn say_about_bindings(console: &mut Console, comparison: &Comparison) {
    if !comparison.looked_at_bindings {
        console.remark(
            "bindings were not looked at: AMQP cannot list them. Give --management-url, or \
             compare with `rabbitmqctl list_bindings`",
        );
    }
}
