//! `fanfare status`: look, lay out, look again.

use std::time::Duration;

use fanfare_broker::{DestinationNames, InvalidName};
use tokio::time::sleep;

use super::gather::{DestinationStatus, Gatherer, NamespaceStatus, Unrouted};
use crate::arguments::StatusArguments;
use crate::control::State;
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
        "STATE",
    ]);
    for destination in &status.destinations {
        rows.push(row(destination));
    }
    console.table(rows)?;
    match status.unrouted {
        Unrouted::Parked(0) => console.line("unrouted: none")?,
        Unrouted::Parked(count) => console
            .line(format_args!("unrouted: {count} messages that no destination is bound for"))?,
        Unrouted::NoQueue => {
            console.line("unrouted: no such queue; `fanfare topology apply` declares it")?;
        }
        Unrouted::Hidden => console.line("unrouted: -")?,
    }
    for what in [hidden(status), stateless(status)].into_iter().flatten() {
        console.line(what)?;
    }
    Ok(())
}

/// Whose state is a dash, and why.
fn stateless(status: &NamespaceStatus) -> Option<String> {
    let stateless: Vec<_> = status
        .destinations
        .iter()
        .filter(|status| status.exists != Some(false) && status.standing.state.is_none())
        .map(|status| status.destination.as_str())
        .collect();
    (!stateless.is_empty()).then(|| {
        let destinations = stateless.join(", ");
        format!("no state shown: there is no control log that may be read ({destinations})")
    })
}

/// What the figures leave out, so that nobody takes a dash for a zero.
fn hidden(status: &NamespaceStatus) -> Option<String> {
    let hidden = status.destinations.iter().filter(|destination| destination.is_hidden());
    let mut hidden: Vec<_> = hidden.map(|status| status.destination.as_str()).collect();
    if status.unrouted == Unrouted::Hidden {
        hidden.push("unrouted");
    }
    (!hidden.is_empty()).then(|| {
        let queues = hidden.join(", ");
        format!(
            "not shown: what the broker user may not look at ({queues}); --management-url tells it"
        )
    })
}

fn row(status: &DestinationStatus) -> [(String, Tone); 9] {
    let DestinationStatus { destination, ready, retrying, dead, consumers, standing, .. } = status;
    if status.exists == Some(false) {
        let dash = || ("-".to_owned(), Tone::Plain);
        let name = (format!("{destination} (no queue)"), Tone::Bad);
        return [name, dash(), dash(), dash(), dash(), dash(), dash(), dash(), dash()];
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let count = |count: Option<u64>| or_dash(count.map(|count| count.to_string()));
    let span = |seconds| when::span(Duration::from_secs(seconds));
    let due = status.next_due_within_s.map(|seconds| format!("within {}", span(seconds)));
    let oldest = status.oldest_dead_age_s.map(|seconds| format!("{} ago", span(seconds)));
    let warning = |is: bool| if is { Tone::Warning } else { Tone::Plain };
    let dead_tone = match dead {
        None => Tone::Plain,
        Some(0) => Tone::Good,
        Some(_) => Tone::Bad,
    };
    [
        (destination.clone(), Tone::Plain),
        (count(*ready), Tone::Plain),
        (count(status.in_flight), Tone::Plain),
        (count(*retrying), warning(retrying.is_some_and(|count| count > 0))),
        (or_dash(due), Tone::Plain),
        (count(*dead), dead_tone),
        (or_dash(oldest), Tone::Plain),
        (count(consumers.map(u64::from)), warning(*consumers == Some(0))),
        (or_dash(standing.line()), tone_of(standing.state)),
    ]
}

fn tone_of(state: Option<State>) -> Tone {
    match state {
        None => Tone::Plain,
        Some(State::Running) => Tone::Good,
        Some(State::Paused | State::Held | State::Probing | State::Troubled) => Tone::Warning,
        Some(State::Disabled) => Tone::Bad,
    }
}

fn verdict(status: &NamespaceStatus) -> Result<(), Failure> {
    let missing: Vec<_> = status
        .destinations
        .iter()
        .filter(|destination| destination.exists == Some(false))
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
    use crate::control::Standing;

    fn status() -> DestinationStatus {
        DestinationStatus {
            destination: "hubspot".into(),
            exists: Some(true),
            ready: Some(5),
            in_flight: None,
            retrying: Some(3),
            next_due_within_s: Some(4),
            dead: Some(2),
            oldest_dead_at: Some("2026-03-01T08:00:00Z".into()),
            oldest_dead_age_s: Some(7300),
            consumers: Some(0),
            standing: Standing { state: Some(State::Running), ..Standing::default() },
        }
    }

    fn namespace(status: DestinationStatus) -> NamespaceStatus {
        NamespaceStatus {
            destinations: vec![status],
            namespace: "fanfare".into(),
            unrouted: Unrouted::Parked(0),
        }
    }

    #[test]
    fn a_row_says_what_is_known_and_what_needs_a_look() {
        let cells = row(&status());
        let texts = cells.clone().map(|(text, _)| text);
        assert_eq!(texts, ["hubspot", "5", "-", "3", "within 4 s", "2", "2 h ago", "0", "running"]);
        assert_eq!(cells[5].1, Tone::Bad);
        assert_eq!(cells[7].1, Tone::Warning);
    }

    #[test]
    fn what_may_not_be_looked_at_is_a_dash_and_said() {
        let status = DestinationStatus {
            exists: None,
            ready: None,
            retrying: None,
            next_due_within_s: None,
            consumers: None,
            standing: Standing::default(),
            ..status()
        };
        let cells = row(&status);
        let texts = cells.clone().map(|(text, _)| text);
        assert_eq!(texts, ["hubspot", "-", "-", "-", "-", "2", "2 h ago", "-", "-"]);
        assert!([1, 3, 7, 8].iter().all(|&cell| cells[cell].1 == Tone::Plain));
        let mut all = namespace(status);
        assert!(stateless(&all).unwrap().contains("(hubspot)"));
        assert!(hidden(&all).unwrap().contains("(hubspot)"));
        all.unrouted = Unrouted::Hidden;
        assert!(hidden(&all).unwrap().contains("(hubspot, unrouted)"));
        assert!(verdict(&all).is_ok());
    }

    #[test]
    fn a_destination_without_a_queue_fails() {
        let namespace = |exists| namespace(DestinationStatus { exists, ..status() });
        assert!(verdict(&namespace(Some(true))).is_ok());
        assert!(verdict(&namespace(Some(false))).is_err());
        assert_eq!(hidden(&namespace(Some(true))), None);
        assert_eq!(stateless(&namespace(Some(true))), None);
    }
}
