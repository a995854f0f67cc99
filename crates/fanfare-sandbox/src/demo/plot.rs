//! What will be published, and how it came to be.

use fanfare_events::Event;

use super::file::{self, Remark};
use super::options::Events;
use super::people::{self, Fate};

/// What will be published.
#[derive(Debug)]
pub(super) struct Plot {
    pub(super) events: Vec<Event>,
    /// How each of our own registrations fares; empty when somebody else wrote the events.
    fates: Vec<Fate>,
    pub(super) invalid: Vec<Remark>,
    pub(super) repeated: Vec<Remark>,
}

impl Plot {
    pub(super) fn of(events: &Events) -> anyhow::Result<Self> {
        match events {
            Events::Registrations(count) => {
                let (events, fates) = people::registrations(*count).into_iter().unzip();
                Ok(Self { events, fates, invalid: Vec::new(), repeated: Vec::new() })
            }
            Events::File(path) => {
                let file::Lines { events, invalid, repeated } = file::read(path)?;
                Ok(Self { events, fates: Vec::new(), invalid, repeated })
            }
        }
    }

    /// Whether the events are ours, and so no two of them about the same contact.
    pub(super) fn is_ours(&self) -> bool {
        self.fates.len() == self.events.len()
    }

    /// Addresses that HubSpot is told to forget.
    pub(super) fn forgotten(&self) -> impl Iterator<Item = String> {
        let numbered = self.fates.iter().enumerate();
        let forgotten = numbered.filter(|(_, fate)| **fate == Fate::Forgotten);
        forgotten.map(|(number, fate)| people::address(number, *fate))
    }

    /// What the first act is about, in words.
    pub(super) fn noun(&self) -> &'static str {
        if self.is_ours() { "registrations" } else { "events" }
    }

    /// Who is not welcome where, in words.
    pub(super) fn explained(&self) -> Vec<String> {
        let of = |fate| self.fates.iter().filter(|found| **found == fate).count();
        if !self.is_ours() || self.fates.is_empty() {
            return Vec::new();
        }
        vec![
            format!(
                "  refused for good: {} by HubSpot (forgotten), {} by SendGrid (address)",
                of(Fate::Forgotten),
                of(Fate::Accented),
            ),
            format!(
                "  failing until mended: {} at HubSpot, {} at SendGrid",
                of(Fate::AtMeridian),
                of(Fate::AtHarbour),
            ),
            String::new(),
        ]
    }
}
