//! The facts, put in order: each event with its calls and letters at each destination.

use std::collections::{BTreeMap, HashMap};

use fanfare_sandbox::mock::{RequestRecord, body_hash};
use serde_json::Value;

use super::incident::{ACK_MS, Incident, Reach, incidents};
use crate::facts::{AtDestination, DeadLetter, Facts, Published};
use crate::load::{DESTINATIONS, Fate, Spec, event, fate};
use crate::plan::Lane;
use crate::stage::TIMEOUT_S;

/// The facts in order.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts,
    pub(super) events: Vec<Known>,
    pub(super) places: Vec<Place<'a>>,
    pub(super) incidents: Vec<Incident>,
}

/// One event.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) published: Published,
    pub(super) id: String,
    pub(super) event_type: String,
    pub(super) fate: Fate,
    /// Its key at each destination that wants it.
    pub(super) keys: [Option<String>; 3],
}

/// One destination.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) spec: Spec,
    pub(super) facts: &'a AtDestination,
    pub(super) calls: HashMap<&'a str, Vec<&'a RequestRecord>>,
    pub(super) letters: HashMap<&'a str, Vec<&'a DeadLetter>>,
}

impl<'a> Case<'a> {
    pub(super) fn of(facts: &'a Facts) -> Self {
        let places = DESTINATIONS.into_iter().zip(&facts.destinations).map(Place::of).collect();
        let events = facts.published.iter().map(Known::of).collect();
        Self { facts, events, places, incidents: incidents(facts) }
    }

    /// Each event that a destination wants, with its key there, the destination's number first.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (usize, &Known, &str)> {
        self.events.iter().flat_map(|known| {
            let keys = known.keys.iter().enumerate();
            keys.filter_map(move |(index, key)| Some((index, known, key.as_deref()?)))
        })
    }

    /// How often the API took an event.
    pub(super) fn accepted(&self, destination: usize, key: &str) -> u32 {
        self.places[destination].facts.tallies.get(key).map_or(0, |tally| tally.accepted)
    }

    /// Incidents that may have given an event one copy more on its way in.
    pub(super) fn more_copies(&self, published: &Published) -> u32 {
        let until_ms = published.answered_ms.unwrap_or(f64::INFINITY);
        let met = self.incidents.iter().filter(|incident| {
            incident.copies(published.name.producer)
                && incident.overlaps(published.begun_ms, until_ms)
        });
        published.copies.saturating_sub(1) + u32::try_from(met.count()).unwrap_or(u32::MAX)
    }

    /// Incidents that may have had a destination's consumers do again what they had done for an
    /// event: those that met one of its calls before its ack, the broker's in all its life, and
    /// any that met it while the destination was in trouble, since then events make way without
    /// a call.
    pub(super) fn met(&self, destination: usize, known: &Known, key: &str) -> u32 {
        let calls = self.places[destination].calls(key);
        let begun_ms = known.published.begun_ms;
        let last_ms = calls.iter().map(|call| end_ms(call) + ACK_MS).fold(begun_ms, f64::max);
        let last_ms = self.places[destination]
            .letters(key)
            .iter()
            .map(|letter| letter.dead_at_ms + ACK_MS)
            .fold(last_ms, f64::max);
        let meets = |incident: &&Incident| {
            if !incident.unsettles(destination) || !incident.overlaps(begun_ms, last_ms) {
                return false;
            }
            incident.reach == Reach::Broker
                || self.has_trouble(destination, incident)
                || calls
                    .iter()
                    .any(|call| incident.overlaps(call.arrived_ms, end_ms(call) + ACK_MS))
        };
        u32::try_from(self.incidents.iter().filter(meets).count()).unwrap_or(u32::MAX)
    }

    /// Whether a destination's API was in trouble around an incident, so that events made way.
    fn has_trouble(&self, destination: usize, incident: &Incident) -> bool {
        self.facts.happened.iter().any(|happened| {
            let is_trouble = happened.planned.kind.lane() == Lane::Apis;
            is_trouble
                && happened.planned.target == destination
                && incident.overlaps(happened.began_ms, happened.ended_ms + GATE_MS)
        })
    }

    /// Whether nothing happened to an event at a destination but what its API answered.
    pub(super) fn is_undisturbed(&self, destination: usize, known: &Known, key: &str) -> bool {
        self.more_copies(&known.published) == 0
            && self.met(destination, known, key) == 0
            && self.places[destination].calls(key).iter().all(|call| is_answered(call))
    }

    /// Whether consumers of a destination were without their shared ledger meanwhile.
    pub(super) fn lacks_ledger(&self, destination: usize, from_ms: f64, until_ms: f64) -> bool {
        self.incidents.iter().any(|incident| {
            incident.hides_ledger(destination) && incident.overlaps(from_ms, until_ms)
        })
    }
}

/// How long a gate may stay closed after trouble of a few seconds: the breaker doubles its pause
/// from five seconds, and events that make way are back after five more.
const GATE_MS: f64 = 30_000.0;

impl Known {
    fn of(published: &Published) -> Self {
        let event = event(published.name);
        let keys =
            DESTINATIONS.map(|spec| spec.wants(event.event_type()).then(|| spec.key(&event)));
        Self {
            published: *published,
            id: event.id().to_string(),
            event_type: event.event_type().to_owned(),
            fate: fate(published.name.number),
            keys,
        }
    }
}

impl<'a> Place<'a> {
    fn of((spec, facts): (Spec, &'a AtDestination)) -> Self {
        let mut calls: HashMap<&str, Vec<&RequestRecord>> = HashMap::new();
        for call in &facts.calls {
            for key in &call.keys {
                calls.entry(key).or_default().push(call);
            }
        }
        let mut letters: HashMap<&str, Vec<&DeadLetter>> = HashMap::new();
        for letter in &facts.dead {
            if let Some(key) = &letter.key {
                letters.entry(key).or_default().push(letter);
            }
        }
        Self { spec, facts, calls, letters }
    }

    pub(super) fn calls(&self, key: &str) -> &[&'a RequestRecord] {
        self.calls.get(key).map_or(&[], Vec::as_slice)
    }

    pub(super) fn letters(&self, key: &str) -> &[&'a DeadLetter] {
        self.letters.get(key).map_or(&[], Vec::as_slice)
    }

    /// Where an event was seen last, in words.
    pub(super) fn last_seen(&self, key: &str) -> String {
        match self.calls(key).last() {
            None => "was never called for".to_owned(),
            Some(call) => {
                let answer =
                    call.status.map_or("no answer".to_owned(), |status| status.to_string());
                let fault = call.fault.map_or(String::new(), |fault| format!(" ({fault})"));
                let count = self.calls(key).len();
                format!("was called for {count} times, last with {answer}{fault}")
            }
        }
    }
}

/// Whether its caller certainly knows what became of a call.
pub(super) fn is_answered(call: &RequestRecord) -> bool {
    let is_cut = call.fault.is_some_and(|fault| {
        fault.starts_with("hang") || fault.starts_with("reset") || fault == "truncate"
    });
    let took_ms = end_ms(call) - call.arrived_ms;
    // An answer that comes in the last half second of a deadline may come too late.
    call.status.is_some() && !is_cut && took_ms < f64::from(TIMEOUT_S) * 1e3 - 500.0
}

/// When a call ended, at its caller's deadline at the latest.
pub(super) fn end_ms(call: &RequestRecord) -> f64 {
    let deadline_ms = call.arrived_ms + f64::from(TIMEOUT_S) * 1e3;
    call.ended_ms.map_or(deadline_ms, |ended_ms| ended_ms.min(deadline_ms))
}

/// What an API is to hold of an event, by what it knows it by: HubSpot a contact's first name by
/// its email, SendGrid an address by the key, a webhook's receiver the body's hash by the key.
pub(super) fn expected_content(destination: usize, known: &Known, key: &str) -> (String, String) {
    let name = known.published.name;
    match DESTINATIONS[destination].name {
        "hubspot" => (name.email(), name.first_name()),
        "sendgrid" => (key.to_owned(), name.email()),
        _ => (key.to_owned(), body_hash(&event(name).to_json())),
    }
}

/// What an API holds, in the same form.
pub fn contents_of(
    destination: usize,
    state: &Value,
    calls: &[RequestRecord],
) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match DESTINATIONS[destination].name {
        "hubspot" => state["contacts"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(email, contact)| (email.clone(), text(&contact["properties"]["firstname"])))
            .collect(),
        "sendgrid" => state["mails"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|mail| (text(&mail["custom_args"]["idempotency_key"]), text(&mail["to"][0])))
            .collect(),
        _ => {
            let accepted = calls.iter().filter(|call| call.accepted > 0);
            accepted
                .filter_map(|call| Some((call.keys.first()?.clone(), call.body_hash.clone()?)))
                .collect()
        }
    }
}
