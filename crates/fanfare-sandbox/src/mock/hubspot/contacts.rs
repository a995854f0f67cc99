//! The contacts of one account, one per lower-cased email.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::super::http_date::rfc3339_ms;

/// The record id of the first contact; low numbers are used in HubSpot's own examples.
const FIRST_ID: u64 = 100_001;

pub(super) type Properties = BTreeMap<String, String>;

/// One contact.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    id: u64,
    properties: Properties,
    created_at: SystemTime,
    updated_at: SystemTime,
}

/// What an upsert did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) id: u64,
    pub(super) new: bool,
    /// Created, or a property has another value than before.
    pub(super) changed: bool,
}

/// All contacts that are not archived.
#[derive(Debug)]
pub(super) struct Contacts {
    by_id: HashMap<u64, Contact>,
    ids: HashMap<String, u64>,
    /// Addresses that were deleted for privacy and may not come back.
    blocked: HashSet<String>,
    archived: u64,
    next_id: u64,
    max: usize,
}

impl Contacts {
    pub(super) fn new(max: usize) -> Self {
        Self {
            by_id: HashMap::new(),
            ids: HashMap::new(),
            blocked: HashSet::new(),
            archived: 0,
            next_id: FIRST_ID,
            max,
        }
    }

    pub(super) fn id_of(&self, email: &str) -> Option<u64> {
        self.ids.get(&email.to_lowercase()).copied()
    }

    pub(super) fn get(&self, id: u64) -> Option<&Contact> {
        self.by_id.get(&id)
    }

    pub(super) fn is_blocked(&self, email: &str) -> bool {
        self.blocked.contains(&email.to_lowercase())
    }

    /// Whether `more` contacts still fit; the bound is the mock's, not HubSpot's.
    pub(super) fn has_room_for(&self, more: usize) -> bool {
        self.by_id.len().saturating_add(more) <= self.max
    }

    /// Creates or alters the contact with this email.
    pub(super) fn upsert(&mut self, email: &str, properties: Properties) -> Written {
        let now = SystemTime::now();
        if let Some(id) = self.id_of(email) {
            return Written { id, new: false, changed: self.alter(id, properties, now) };
        }
        let id = self.next_id;
        self.next_id += 1;
        let email = email.to_lowercase();
        let mut contact = Contact { id, properties, created_at: now, updated_at: now };
        contact.properties.entry("email".to_owned()).or_insert_with(|| email.clone());
        self.ids.insert(email, id);
        self.by_id.insert(id, contact);
        Written { id, new: true, changed: true }
    }

    /// Sets properties of a contact that exists; tells whether any value is another one now.
    pub(super) fn alter(&mut self, id: u64, properties: Properties, now: SystemTime) -> bool {
        let Some(contact) = self.by_id.get_mut(&id) else { return false };
        let old_email = contact.email();
        let mut changed = false;
        for (name, value) in properties {
            changed |= contact.properties.get(&name) != Some(&value);
            contact.properties.insert(name, value);
        }
        if changed {
            contact.updated_at = now;
        }
        let new_email = contact.email();
        if new_email != old_email {
            self.ids.remove(&old_email);
            self.ids.insert(new_email, id);
        }
        changed
    }

    /// Moves a contact to the recycling bin; tells whether it was there.
    pub(super) fn archive(&mut self, id: u64) -> bool {
        let Some(contact) = self.by_id.remove(&id) else { return false };
        self.ids.remove(&contact.email());
        self.archived += 1;
        true
    }

    /// Never lets this address in again; tells whether that is new.
    pub(super) fn block(&mut self, email: &str) -> bool {
        self.blocked.insert(email.to_lowercase())
    }

    pub(super) fn to_json(&self) -> Value {
        let contacts: Map<String, Value> =
            self.by_id.values().map(|contact| (contact.email(), contact.to_json())).collect();
        json!({ "contacts": contacts, "archived": self.archived, "blocked": self.blocked })
    }
}

impl Contact {
    fn email(&self) -> String {
        self.properties.get("email").map(|email| email.to_lowercase()).unwrap_or_default()
    }

    /// HubSpot's `SimplePublicObject`.
    pub(super) fn to_json(&self) -> Value {
        let (created, updated) = (rfc3339_ms(self.created_at), rfc3339_ms(self.updated_at));
        let mut properties: Map<String, Value> =
            self.properties.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        properties.insert("hs_object_id".to_owned(), json!(self.id.to_string()));
        properties.insert("createdate".to_owned(), json!(created));
        properties.insert("lastmodifieddate".to_owned(), json!(updated));
        json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": created,
            "updatedAt": updated,
            "archived": false,
        })
    }
}
