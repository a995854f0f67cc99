//! The destinations of the run, and what each of them is to be told.

use fanfare_events::{Event, IdempotencyKey};

/// One destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// The program that delivers to it.
    pub program: &'static str,
    /// The event types it subscribes to.
    pub subscribes: &'static str,
    /// Whether a second call for the same event has no effect at its API.
    pub is_idempotent: bool,
    takes_several: bool,
    prefixes: &'static [&'static str],
}

/// All of them, in the order of their numbers.
pub const DESTINATIONS: [Spec; 3] = [
    Spec {
        name: "hubspot",
        program: "fanfare-consumer-hubspot",
        subscribes: "user.#",
        is_idempotent: true,
        takes_several: true,
        prefixes: &["user."],
    },
    Spec {
        name: "sendgrid",
        program: "fanfare-consumer-sendgrid",
        subscribes: "user.registered",
        is_idempotent: false,
        takes_several: false,
        prefixes: &["user.registered"],
    },
    Spec {
        name: "webhook",
        program: "fanfare-consumer-webhook",
        subscribes: "user.#,order.#",
        is_idempotent: false,
        takes_several: false,
        prefixes: &["user.", "order."],
    },
];

impl Spec {
    /// Whether it is to hear of events of this type.
    pub fn wants(&self, event_type: &str) -> bool {
        self.prefixes.iter().any(|prefix| event_type.starts_with(prefix))
    }

    /// What its API answers when it is to refuse an event with `status`.
    ///
    /// A call to HubSpot carries several contacts, and only a 400 says that one of them is to
    /// blame; any other status is an answer to all of them.
    pub fn refusal(&self, status: u16) -> u16 {
        if self.takes_several { 400 } else { status }
    }

    /// The key of an event at this destination, as its API is told it.
    pub fn key(&self, event: &Event) -> String {
        let name = self.name.parse().expect("a literal that is a destination's name");
        IdempotencyKey::of(event, &name).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::super::event_type;
    use super::*;

    #[test]
    fn every_destination_wants_something_and_one_type_is_wanted_by_nobody() {
        let types: Vec<_> = (0..100).map(event_type).collect();
        for spec in DESTINATIONS {
            assert!(types.iter().any(|one| spec.wants(one)), "{}", spec.name);
        }
        assert!(types.iter().any(|one| !DESTINATIONS.iter().any(|spec| spec.wants(one))));
    }
}
