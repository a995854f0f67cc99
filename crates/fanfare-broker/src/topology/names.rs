//! The names of exchanges and queues; nothing else in the house spells them.

use std::fmt;
use std::sync::Arc;

use super::delay::Level;

/// The prefix of every object that belongs to one Fanfare installation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Namespace(Arc<str>);

/// The names of everything that belongs to one destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DestinationNames {
    queue: Arc<str>,
    destination: Arc<str>,
}

/// Why a text cannot be a namespace or a destination's name on the broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a name for the broker: expected a lower-case letter and up to 39 more of a-z, 0-9 and `-`"
)]
pub struct InvalidName {
    /// What was given.
    pub name: String,
}

const LONGEST_NAME: usize = 40;

impl Namespace {
    /// Checks `name`: `[a-z][a-z0-9-]{0,39}`.
    pub fn new(name: &str) -> Result<Self, InvalidName> {
        Ok(Self(checked(name)?))
    }

    /// The fanout exchange that events are published to.
    pub fn events(&self) -> String {
        self.object("events")
    }

    /// Where messages are parked that no destination is bound for: exchange and queue.
    pub fn unrouted(&self) -> String {
        self.object("unrouted")
    }

    /// The topic exchange of reports, routing key `{destination}.{outcome}`.
    pub fn reports(&self) -> String {
        self.object("reports")
    }

    /// The direct exchange of reports that somebody waits for.
    pub fn replies(&self) -> String {
        self.object("replies")
    }

    /// The names of `destination`'s objects.
    pub fn destination(&self, destination: &str) -> Result<DestinationNames, InvalidName> {
        let destination = checked(destination)?;
        if RESERVED.contains(&&*destination) {
            return Err(InvalidName { name: destination.to_string() });
        }
        Ok(DestinationNames { queue: self.object(&destination).into(), destination })
    }

    /// The namespace as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn object(&self, name: &str) -> String {
        format!("{}.{name}", self.0)
    }
}

/// A destination of such a name would share its queue's name with another object.
const RESERVED: &[&str] = &["events", "unrouted", "reports", "replies", "archive", "reply"];

impl DestinationNames {
    /// The destination's own name.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The queue its events wait in.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// The dead letters: exchange and queue.
    pub fn dead(&self) -> String {
        self.object("dead")
    }

    /// The exchange that delayed messages come back through.
    pub fn due(&self) -> String {
        self.object("due")
    }

    /// The exchange that operators replay to.
    pub fn replay(&self) -> String {
        self.object("replay")
    }

    /// What its replicas and its operators tell each other: exchange and stream.
    pub fn control(&self) -> String {
        self.object("control")
    }

    /// The exchange that filters by event type.
    pub fn filter(&self) -> String {
        self.object("in")
    }

    /// One level of the delay line: exchange and queue.
    pub fn delay(&self, level: Level) -> String {
        format!("{}.delay.{level}", self.queue)
    }

    fn object(&self, name: &str) -> String {
        format!("{}.{name}", self.queue)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn checked(name: &str) -> Result<Arc<str>, InvalidName> {
    let starts_with_letter = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let in_alphabet =
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if starts_with_letter && in_alphabet && name.len() <= LONGEST_NAME {
        Ok(name.into())
    } else {
        Err(InvalidName { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire_interface() {
        let ns = Namespace::new("fanfare").unwrap();
        let hubspot = ns.destination("hubspot").unwrap();
        assert_eq!(ns.events(), "fanfare.events");
        assert_eq!(ns.unrouted(), "fanfare.unrouted");
        assert_eq!(ns.reports(), "fanfare.reports");
        assert_eq!(ns.replies(), "fanfare.replies");
        assert_eq!(hubspot.queue(), "fanfare.hubspot");
        assert_eq!(hubspot.dead(), "fanfare.hubspot.dead");
        assert_eq!(hubspot.due(), "fanfare.hubspot.due");
        assert_eq!(hubspot.replay(), "fanfare.hubspot.replay");
        assert_eq!(hubspot.control(), "fanfare.hubspot.control");
        assert_eq!(hubspot.filter(), "fanfare.hubspot.in");
        assert_eq!(hubspot.delay(Level::LOWEST), "fanfare.hubspot.delay.00");
        assert_eq!(hubspot.delay(Level::HIGHEST), "fanfare.hubspot.delay.16");
    }

    #[test]
    fn a_name_outside_the_alphabet_is_refused() {
        let longest = "a".repeat(LONGEST_NAME);
        assert!(Namespace::new(&longest).is_ok());
        for name in ["", "A", "1a", "-a", "a.b", "a_b", "ä", &format!("{longest}a")] {
            assert!(Namespace::new(name).is_err(), "{name:?} was taken");
        }
    }

    #[test]
    fn a_destination_cannot_take_the_name_of_another_object() {
        let ns = Namespace::new("fanfare").unwrap();
        for name in RESERVED {
            assert!(ns.destination(name).is_err(), "{name} was taken");
        }
    }
}
