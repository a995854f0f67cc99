//! What will be published, and how it came to be.

use fanfare_events::Event;

use super::file::{self, Remark};
use super::options::Events;
use super::people::{self, Fate};

/// What will be published.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) events: Vec<Event>,
    /// Addresses that HubSpot has been told to forget.
    pub(super) forgotten: Vec<String>,
    pub(super) invalid: Vec<Remark>,
    pub(super) repeated: Vec<Remark>,
    /// Whether the events are ours, and so no two of them about the same contact.
    pub(super) is_ours: bool,
}

impl Plot {
    pub(super) fn of(events: &Events) -> anyhow::Result<Self> {
        match events {
            Events::Registrations(count) => Ok(Self::registrations(*count)),
            Events::File(path) => {
                let file::Lines { events, invalid, repeated } = file::read(path)?;
                Ok(Self { events, forgotten: Vec::new(), invalid, repeated, is_ours: false })
            }
        }
    }

    fn registrations(count: usize) -> Self {
        let registrations = people::registrations(count);
        let fates = registrations.iter().map(|(_, fate)| *fate).enumerate();
        let forgotten = fates.filter(|(_, fate)| *fate == Fate::Forgotten);
        Self {
            forgotten: forgotten.map(|(number, fate)| people::address(number, fate)).collect(),
            events: registrations.into_iter().map(|(event, _)| event).collect(),
            invalid: Vec::new(),
            repeated: Vec::new(),
            is_ours: true,
        }
    }

    /// What the first act is about, in words.
    pub(super) fn noun(&self) -> &'static str {
        if self.is_ours { "registrations" } else { "events" }
    }
}
