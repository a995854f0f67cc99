//! What an event asks of HubSpot's contacts: the mapping, without any I/O.

use fanfare_events::{Event, Payload, PayloadError, UserDeleted, UserRegistered, UserUpdated};
use serde::Serialize;

use crate::api::Record;
use crate::language::hs_language;

/// What is to happen to a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The contact with this email has these properties afterwards, and exists.
    Upsert(Properties),
    /// So has the contact that was known by another email until now.
    Move { from: String, properties: Properties },
    /// The contact is in HubSpot's recycling bin afterwards, if there was one.
    Archive { email: String },
}

/// A contact's properties, as HubSpot names them; what is absent stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Properties {
    pub(crate) email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) firstname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lastname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hs_language: Option<String>,
}

/// Where the properties of a move are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MoveTo<'a> {
    /// To the contact with this email, which is created if there is none.
    Contact(&'a str),
    /// Nowhere: the old and the new email belong to two contacts, and which of them is right
    /// is for a person to say.
    Two { old: &'a str, new: &'a str },
}

impl Change {
    pub(crate) fn is_asked_by(event_type: &str) -> bool {
        matches!(event_type, UserRegistered::TYPE | UserUpdated::TYPE | UserDeleted::TYPE)
    }

    pub(crate) fn asked_by(event: &Event) -> Result<Self, PayloadError> {
        match event.event_type() {
            UserUpdated::TYPE => event.payload().map(Self::from_updated),
            UserDeleted::TYPE => {
                event.payload().map(|UserDeleted { email, .. }| Self::Archive { email })
            }
            // Reading the payload refuses every type but its own.
            _ => event.payload().map(Self::from_registered),
        }
    }

    fn from_registered(user: UserRegistered) -> Self {
        Self::Upsert(Properties {
            email: user.email,
            firstname: user.first_name,
            lastname: user.last_name,
            hs_language: user.locale.as_deref().map(hs_language),
        })
    }

    fn from_updated(user: UserUpdated) -> Self {
        let properties = Properties {
            email: user.email,
            firstname: user.first_name,
            lastname: user.last_name,
            hs_language: user.locale.as_deref().map(hs_language),
        };
        match user.previous_email {
            Some(from) if !is_same(&from, &properties.email) => Self::Move { from, properties },
            Some(_) | None => Self::Upsert(properties),
        }
    }
}

impl Properties {
    /// Has `later` written over it: what that leaves out stays.
    pub(crate) fn change(&mut self, later: Self) {
        let Self { email, firstname, lastname, hs_language } = later;
        self.email = email;
        self.firstname = firstname.or(self.firstname.take());
        self.lastname = lastname.or(self.lastname.take());
        self.hs_language = hs_language.or(self.hs_language.take());
    }
}

impl<'a> MoveTo<'a> {
    /// Decides by what HubSpot has under the old and the new email.
    ///
    /// Only the old one: that contact moves. The new one or neither: it has moved already, by
    /// an earlier attempt or by a later event, or is still to come; it is written under its
    /// new email either way, so that repeating or reordering ends with one contact.
    pub(crate) fn decide(from: &'a str, to: &'a str, found: &'a [Record]) -> Self {
        let id_of = |email: &str| found.iter().find(|record| record.has_email(email));
        match (id_of(from), id_of(to)) {
            (Some(_), None) => Self::Contact(from),
            (Some(old), Some(new)) => Self::Two { old: &old.id, new: &new.id },
            (None, _) => Self::Contact(to),
        }
    }
}

/// HubSpot keeps emails in lower case.
pub(crate) fn is_same(email: &str, other: &str) -> bool {
    email.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, email: &str) -> Record {
        Record { id: id.into(), email: Some(email.into()), trace_id: None }
    }

    #[test]
    fn where_a_move_is_written_depends_on_what_is_there() {
        let (old, new) = (record("1", "old@example.com"), record("2", "new@example.com"));
        let table = [
            (vec![], MoveTo::Contact("NEW@example.com")),
            (vec![old.clone()], MoveTo::Contact("Old@example.com")),
            (vec![new.clone()], MoveTo::Contact("NEW@example.com")),
            // HubSpot finds contacts by secondary emails too: this one has moved already.
            (vec![new.clone(), new.clone()], MoveTo::Contact("NEW@example.com")),
            (vec![new, old], MoveTo::Two { old: "1", new: "2" }),
        ];
        for (found, expected) in &table {
            let decided = MoveTo::decide("Old@example.com", "NEW@example.com", found);
            assert_eq!(decided, *expected, "{found:?}");
        }
    }

    #[test]
    fn an_email_that_differs_in_case_only_is_no_move() {
        let user = UserUpdated {
            user_id: "u".into(),
            email: "Ada@Example.com".into(),
            previous_email: Some("ada@example.COM".into()),
            first_name: None,
            last_name: None,
            locale: None,
        };
        assert!(matches!(Change::from_updated(user), Change::Upsert(_)));
    }
}
