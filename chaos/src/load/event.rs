//! Events whose content can be computed from who published them and their number.

use std::fmt;

use fanfare_events::{Event, EventId, UserRegistered, UserUpdated};
use serde::Serialize;
use serde_json::json;
use time::{Duration, OffsetDateTime};

/// Which event it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name {
    /// Who published it.
    pub producer: u32,
    /// Which of his it is, from 0.
    pub number: u64,
}

/// How the APIs take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub enum Fate {
    /// As soon as nothing is wrong with them.
    Taken,
    /// They answer with this status whenever they see it.
    Refused(u16),
}

/// A part of every payload that must be seen in no log, metric or listing.
pub const PAYLOAD_CANARY: &str = "Quetzalcoatl";

/// When the first event happened, in seconds since the epoch: the same in every run.
const FIRST_AT: i64 = 1_700_000_000;

/// The type of every event with this number.
pub fn event_type(number: u64) -> &'static str {
    match number % 20 {
        0..=11 => "user.registered",
        12..=14 => "user.updated",
        15..=18 => "order.placed",
        // Nobody subscribes to it.
        _ => "audit.looked",
    }
}

/// How the APIs take events with this number.
pub fn fate(number: u64) -> Fate {
    match number % 101 {
        7 => Fate::Refused(501),
        53 => Fate::Refused(422),
        _ => Fate::Taken,
    }
}

/// Whether a service with an outbox changes its mind about the event with this number before it
/// commits.
pub(super) fn is_rolled_back(number: u64) -> bool {
    number % 10 == 3
}

/// The event of this name, always the same.
pub fn event(name: Name) -> Event {
    let source = format!("/chaos/{}", name.producer);
    let at = OffsetDateTime::UNIX_EPOCH
        + Duration::seconds(FIRST_AT + i64::try_from(name.number).unwrap_or(0));
    let builder = Event::builder(event_type(name.number), &source)
        .id(EventId::from_key(&source, &name.number.to_string()))
        .time(at);
    let email = name.email();
    let first_name = Some(name.first_name());
    let built = match event_type(name.number) {
        "user.registered" => builder.payload(&UserRegistered {
            user_id: name.to_string(),
            email,
            registered_at: at,
            first_name,
            last_name: None,
            locale: None,
        }),
        "user.updated" => builder.payload(&UserUpdated {
            user_id: name.to_string(),
            email,
            previous_email: None,
            first_name,
            last_name: None,
            locale: None,
        }),
        _ => builder.data(&json!({ "of": email, "who": first_name, "number": name.number })),
    };
    built.build().expect("its parts are valid whatever the number")
}

impl Name {
    /// An address of its own, by which the mocks know what to refuse.
    pub fn email(self) -> String {
        match fate(self.number) {
            Fate::Taken => format!("{self}@example.org"),
            Fate::Refused(status) => format!("{}{self}@example.org", refused_mark(status)),
        }
    }

    /// A first name of its own.
    pub fn first_name(self) -> String {
        format!("{PAYLOAD_CANARY} {self}")
    }
}

/// What the bodies of refused events contain and no others.
pub(crate) fn refused_mark(status: u16) -> String {
    format!("refused-{status}-")
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}-n{}", self.producer, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_whoever_computes_it() {
        for number in 0..200 {
            let name = Name { producer: 3, number };
            assert_eq!(event(name).to_json(), event(name).to_json());
            assert_eq!(event(name).event_type(), event_type(number));
        }
    }

    #[test]
    fn what_is_refused_bears_its_mark_and_nothing_else_does() {
        for number in 0..400 {
            let json = String::from_utf8(event(Name { producer: 0, number }).to_json()).unwrap();
            for status in [501, 422] {
                let is_marked = json.contains(&refused_mark(status));
                assert_eq!(is_marked, fate(number) == Fate::Refused(status), "{json}");
            }
        }
    }

    #[test]
    fn each_type_is_refused_at_times() {
        let refused: std::collections::BTreeSet<_> = (0..4_000)
            .filter(|number| fate(*number) == Fate::Refused(501))
            .map(event_type)
            .collect();
        assert_eq!(refused.len(), 4);
    }
}
