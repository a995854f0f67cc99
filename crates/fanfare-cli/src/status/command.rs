//! `fanfare status`: look, lay out, look again.

use std::time::Duration;

use fanfare_broker::{DestinationNames, InvalidName};
use tokio::time::sleep;

use super::gather::{DestinationStatus, Gatherer, NamespaceStatus};
use crate::arguments::StatusArguments;
use crate::failure::Failure;
use crate::output::{Console, Rows, Tone};
use crate::session::Session;
use crate::settings::Settings;
use crate::when;

const WATCH_EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn command(
    session: &mut Session,
    arguments: StatusArguments,
) -> Result<(), Failure> {
    let Session { settings, console, .. } = session;
    let named = if arguments.destinations.is_empty() && settings.management.is_none() {
        settings.destinations.clone()
    } else {
        arguments.destinations
    };
    let named = checked(settings, &named)?;
    if named.is_empty() && settings.management.is_none() {
        return Err(Failure::Usage(
            "AMQP cannot list destinations: name them with --destination, set \
             FANFARE_DESTINATIONS, or give --management-url"
                .into(),
        ));
    }
    let (broker, management) = (&settings.broker, settings.management.as_ref());
    let mut gatherer = Gatherer::connect(broker, &settings.namespace, management).await?;
    loop {
        let destinations = match gatherer.list().await? {
            Some(all) if named.is_empty() => all,
            _ => named.clone(),
        };
        let status = gatherer.look(&destinations).await?;
        if arguments.watch && !console.json {
            console.clear()?;
        }
        show(console, &status)?;
        console.flush()?;
        if !arguments.watch {
            gatherer.close().await;
            return verdict(&status);
        }
        sleep(WATCH_EVERY).await;
    }
}

fn checked(settings: &Settings, names: &[String]) -> Result<Vec<DestinationNames>, Failure> {
    let names = names.iter().map(|name| settings.namespace.destination(name));
    names.collect::<Result<_, InvalidName>>().map_err(|error| Failure::Usage(error.to_string()))
}

fn show(console: &mut Console, status: &NamespaceStatus) -> Result<(), Failure> {
    if console.json {
        for destination in &status.destinations {
            console.object(destination)?;
        }
        return Ok(console.object(status)?);
    }
    let mut rows = Rows::new(&[
        "DESTINATION",
        "READY",
        "IN FLIGHT",
        "RETRYING",
        "NEXT DUE",
        "DEAD",
        "OLDEST",
        "CONSUMERS",
    ]);
    for destination in &status.destinations {
        rows.push(row(destination));
    }
    console.table(rows)?;
    match status.unrouted {
        Some(0) => console.line("unrouted: none")?,
        Some(count) => console
            .line(format_args!("unrouted: {count} messages that no destination is bound for"))?,
        None => console.line("unrouted: no such queue; `fanfare topology apply` declares it")?,
    }
    Ok(())
}

fn row(status: &DestinationStatus) -> [(String, Tone); 8] {
    let DestinationStatus { destination, ready, retrying, dead, consumers, .. } = status;
    if !status.exists {
        let dash = || ("-".to_owned(), Tone::Plain);
        let name = (format!("{destination} (no queue)"), Tone::Bad);
        return [name, dash(), dash(), dash(), dash(), dash(), dash(), dash()];
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let span = |seconds| when::span(Duration::from_secs(seconds));
    let due = status.next_due_within_s.map(|seconds| format!("within {}", span(seconds)));
    let oldest = status.oldest_dead_age_s.map(|seconds| format!("{} ago", span(seconds)));
    let warning = |is: bool| if is { Tone::Warning } else { Tone::Plain };
    let dead_tone = if *dead > 0 { Tone::Bad } else { Tone::Good };
    [
        (destination.clone(), Tone::Plain),
        (ready.to_string(), Tone::Plain),
        (or_dash(status.in_flight.map(|held| held.to_string())), Tone::Plain),
        (retrying.to_string(), warning(*retrying > 0)),
        (or_dash(due), Tone::Plain),
        (dead.to_string(), dead_tone),
        (or_dash(oldest), Tone::Plain),
        (consumers.to_string(), warning(*consumers == 0)),
    ]
}

fn verdict(status: &NamespaceStatus) -> Result<(), Failure> {
    let missing: Vec<_> = status
        .destinations
        .iter()
        .filter(|destination| !destination.exists)
        .map(|destination| destination.destination.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (missing, namespace) = (missing.join(", "), &status.namespace);
    Err(Failure::NotAsAsked(format!("no queue in namespace {namespace} for: {missing}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> DestinationStatus {
        DestinationStatus {
            destination: "hubspot".into(),
            exists: true,
            ready: 5,
            in_flight: None,
            retrying: 3,
            next_due_within_s: Some(4),
            dead: 2,
            oldest_dead_at: Some("2026-03-01T08:00:00Z".into()),
            oldest_dead_age_s: Some(7300),
            consumers: 0,
        }
    }

    #[test]
    fn a_row_says_what_is_known_and_what_needs_a_look() {
        let cells = row(&status());
        let texts = cells.clone().map(|(text, _)| text);
        assert_eq!(texts, ["hubspot", "5", "-", "3", "within 4 s", "2", "2 h ago", "0"]);
        assert_eq!(cells[5].1, Tone::Bad);
        assert_eq!(cells[7].1, Tone::Warning);
    }

    #[test]
    fn a_destination_without_a_queue_fails() {
        let namespace = |exists| NamespaceStatus {
            destinations: vec![DestinationStatus { exists, ..status() }],
            namespace: "fanfare".into(),
            unrouted: Some(0),
        };
        assert!(verdict(&namespace(true)).is_ok());
        assert!(verdict(&namespace(false)).is_err());
    }
}
