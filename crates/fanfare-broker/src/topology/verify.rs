//! Comparing what stands on the broker with what a [`Topology`] says, changing nothing.

use lapin::Connection;

use super::declare::{declare_exchange, declare_queue};
use super::plan::{Argument, Exchange, Queue, Topology};
use crate::config::BrokerConfig;
use crate::dial::{Dialer, close, close_channel};
use crate::fault::Fault;

/// What was found out about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The object, such as `queue fanfare.hubspot`.
    pub object: String,
    /// How it stands.
    pub drift: Drift,
}

/// How an object differs from the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Not at all.
    None,
    /// It does not exist.
    Missing,
    /// It exists with another property; the broker's own words, one each.
    Different(Vec<String>),
    /// The user may not know; the broker's own words.
    Unknown(String),
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No node of the broker answered.
    #[error("the broker cannot be reached")]
    Unreachable(#[source] Fault),
    /// The connection was lost on the way.
    #[error("the broker was lost while verifying")]
    Lost(#[source] Fault),
}

/// How much a user may find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Whether objects exist. Needs no permission on most versions.
    Existence,
    /// Whether every argument is as planned. Needs the configure permission.
    Arguments,
}

/// Looks at every exchange and queue of `topology`, in its order.
///
/// AMQP cannot list bindings, so they are not looked at here.
pub async fn verify(
    config: &BrokerConfig,
    topology: &Topology,
    depth: Depth,
) -> Result<Vec<Finding>, VerifyError> {
    let connection = Dialer::new(config, "fanfare topology")
        .connect_once()
        .await
        .map_err(VerifyError::Unreachable)?;
    let found = verify_on(&connection, topology, depth).await;
    close(&connection).await;
    found
}

async fn verify_on(
    connection: &Connection,
    topology: &Topology,
    depth: Depth,
) -> Result<Vec<Finding>, VerifyError> {
    let mut findings = Vec::new();
    for exchange in &topology.exchanges {
        let mut drift = existence(look_at_exchange(connection, exchange, true).await)?;
        if drift == Drift::None && depth == Depth::Arguments {
            drift = sameness(look_at_exchange(connection, exchange, false).await)?;
        }
        findings.push(Finding { object: format!("exchange {}", exchange.name), drift });
    }
    for queue in &topology.queues {
        let mut drift = existence(look_at_queue(connection, queue, true).await)?;
        if drift == Drift::None && depth == Depth::Arguments {
            drift = all_differences(connection, queue).await?;
        }
        findings.push(Finding { object: format!("queue {}", queue.name), drift });
    }
    Ok(findings)
}

/// The broker names one difference at a time: take over what it has and ask again.
async fn all_differences(connection: &Connection, queue: &Queue) -> Result<Drift, VerifyError> {
    let mut asked = queue.clone();
    let mut differences = Vec::new();
    loop {
        match sameness(look_at_queue(connection, &asked, false).await)? {
            Drift::Different(texts) => {
                let taken_over =
                    texts.first().is_some_and(|text| take_over(&mut asked.arguments, text));
                differences.extend(texts);
                if !taken_over {
                    break;
                }
            }
            Drift::None => break,
            other => return Ok(other),
        }
    }
    Ok(if differences.is_empty() { Drift::None } else { Drift::Different(differences) })
}

/// A refusal closes the channel, so each look has its own.
async fn look_at_exchange(
    connection: &Connection,
    exchange: &Exchange,
    passive: bool,
) -> Result<(), Fault> {
    let channel = connection.create_channel().await?;
    let looked = declare_exchange(&channel, exchange, passive).await;
    close_channel(channel).await;
    looked
}

async fn look_at_queue(connection: &Connection, queue: &Queue, passive: bool) -> Result<(), Fault> {
    let channel = connection.create_channel().await?;
    let looked = declare_queue(&channel, queue, passive).await;
    close_channel(channel).await;
    looked
}

fn existence(looked: Result<(), Fault>) -> Result<Drift, VerifyError> {
    match looked {
        Ok(()) => Ok(Drift::None),
        Err(fault) if fault.is_not_found() => Ok(Drift::Missing),
        // From 4.2.6 on a passive look may need a permission that runtime users lack.
        Err(fault) if fault.is_access_refused() => Ok(Drift::Unknown(fault.to_string())),
        Err(fault) => Err(VerifyError::Lost(fault)),
    }
}

fn sameness(looked: Result<(), Fault>) -> Result<Drift, VerifyError> {
    match looked {
        Err(fault) if fault.is_precondition_failed() => {
            Ok(Drift::Different(vec![fault.to_string()]))
        }
        other => existence(other),
    }
}

/// Puts the value that the broker reports in place of ours.
///
/// Its words: `PRECONDITION_FAILED - inequivalent arg 'NAME' for queue 'Q' in vhost
/// 'V': received … but current is …`, the latter `'X'`, or `none` where it has no such
/// argument.
/// Words that we do not know end the search for more differences, nothing else.
fn take_over(arguments: &mut Vec<(&'static str, Argument)>, text: &str) -> bool {
    let Some(name) = between(text, "inequivalent arg '", "'") else { return false };
    let Some(index) = arguments.iter().position(|(known, _)| *known == name) else { return false };
    let Some(current) = text.split_once("but current is ").map(|(_, current)| current) else {
        return false;
    };
    if current.starts_with("none") {
        arguments.remove(index);
        return true;
    }
    let Some(value) = between(current, "'", "'") else { return false };
    let taken = match arguments[index].1 {
        Argument::Number(_) => value.parse().ok().map(Argument::Number),
        Argument::Text(_) => Some(Argument::Text(value.to_owned())),
        Argument::Flag(_) => value.parse().ok().map(Argument::Flag),
    };
    match taken {
        Some(taken) if taken != arguments[index].1 => {
            arguments[index].1 = taken;
            true
        }
        _ => false,
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(start)?;
    after.split_once(end).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brokers_value_is_taken_over_to_find_the_next_difference() {
        let mut arguments = vec![
            ("x-message-ttl", Argument::Number(1000)),
            ("x-overflow", Argument::Text("reject-publish".into())),
        ];
        assert!(take_over(
            &mut arguments,
            "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': \
             received '1000' but current is '2000'"
        ));
        assert_eq!(arguments[0].1, Argument::Number(2000));
        assert!(take_over(
            &mut arguments,
            "PRECONDITION_FAILED - inequivalent arg 'x-overflow' for queue 'q' in vhost '/': \
             received the value 'reject-publish' of type 'longstr' but current is none"
        ));
        assert_eq!(arguments.len(), 1);
    }

    #[test]
    fn unknown_words_end_the_search() {
        assert!(!take_over(&mut vec![("x-overflow", Argument::Number(1))], "something else"));
    }
}
