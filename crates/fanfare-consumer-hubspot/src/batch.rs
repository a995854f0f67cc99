//! Several upserts in one call: one input per contact, whoever asks for it.

use std::collections::HashMap;

use fanfare_delivery::{Attempt, Batched, Outcome, Reason};

use crate::api::Input;
use crate::change::{Change, Properties};

/// The contacts that a call writes, and which of them each event is about.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    entries: Vec<Entry>,
    /// One place among the entries for each attempt, in their order.
    places: Vec<usize>,
}

/// One contact, as its events leave it. HubSpot refuses a batch that names a contact twice.
#[derive(Debug)]
struct Entry {
    properties: Properties,
    /// The key of the last event: HubSpot takes one trace id per contact.
    trace_id: String,
    events: usize,
}

impl Entries {
    /// The entries of these attempts, which are in the order of the queue; `None` if one of
    /// their events asks for something else than an upsert.
    pub(crate) fn of(attempts: &[Attempt]) -> Option<Self> {
        let mut entries = Self::default();
        let mut place_of = HashMap::new();
        for attempt in attempts {
            let Ok(Change::Upsert(properties)) = Change::asked_by(attempt.event()) else {
                return None;
            };
            let place =
                *place_of.entry(properties.email.to_lowercase()).or_insert(entries.entries.len());
            entries.places.push(place);
            let trace_id = attempt.key().to_string();
            match entries.entries.get_mut(place) {
                Some(entry) => entry.add(properties, trace_id),
                None => entries.entries.push(Entry { properties, trace_id, events: 1 }),
            }
        }
        Some(entries)
    }

    pub(crate) fn inputs(&self) -> Vec<Input<'_>> {
        self.entries.iter().map(Entry::input).collect()
    }

    /// What became of the attempts, from what became of the inputs.
    ///
    /// A refusal of an input that several events share tells not which of them is to blame;
    /// none of them may fall with another, so it is found out in smaller batches. What is
    /// written again on the way does not change.
    pub(crate) fn settle(&self, batched: Batched) -> Batched {
        let outcomes = match batched {
            Batched::Each(outcomes) => outcomes,
            Batched::All(outcome) if self.entries.len() == 1 => vec![outcome],
            whole @ (Batched::All(_) | Batched::Refused { .. }) => return whole,
        };
        match self.shared_refusal(&outcomes) {
            Some(reason) => Batched::Refused { reason },
            None => {
                let outcome_of = |place: &usize| outcomes[*place].clone();
                Batched::Each(self.places.iter().map(outcome_of).collect())
            }
        }
    }

    fn shared_refusal(&self, outcomes: &[Outcome]) -> Option<Reason> {
        self.entries.iter().zip(outcomes).find_map(|(entry, outcome)| match outcome {
            Outcome::Rejected { reason } if entry.events > 1 => Some(reason.clone()),
            _ => None,
        })
    }
}

impl Entry {
    fn input(&self) -> Input<'_> {
        Input::new(&self.properties.email, &self.trace_id, &self.properties)
    }

    fn add(&mut self, later: Properties, trace_id: String) {
        self.properties.change(later);
        self.trace_id = trace_id;
        self.events += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use fanfare_events::{Event, IdempotencyKey};
    use serde_json::{Value, json};

    use super::*;

    fn attempt(event_type: &str, data: &Value) -> Attempt {
        let event = Event::builder(event_type, "/signup").data(data).build().unwrap();
        let key = IdempotencyKey::of(&event, &"hubspot".parse().unwrap());
        Attempt::new(event, key, NonZeroU32::MIN)
    }

    fn updated(email: &str, changes: &Value) -> Attempt {
        let mut data = json!({ "user_id": "u-1", "email": email });
        data.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        attempt("user.updated", &data)
    }

    fn inputs(entries: &Entries) -> Value {
        serde_json::to_value(entries.inputs()).unwrap()
    }

    #[test]
    fn a_contact_is_written_once_as_its_events_leave_it() {
        let attempts = [
            updated("ada@example.com", &json!({ "first_name": "A", "last_name": "Byron" })),
            updated("bea@example.com", &json!({ "locale": "fr" })),
            updated("Ada@Example.com", &json!({ "first_name": "Ada" })),
            updated("ada@example.com", &json!({ "last_name": "Lovelace", "locale": "en-GB" })),
        ];
        let [_, bea, _, last] = attempts.each_ref().map(|attempt| attempt.key().to_string());
        let expected = json!([
            {
                "id": "ada@example.com", "idProperty": "email", "objectWriteTraceId": last,
                "properties": {
                    "email": "ada@example.com", "firstname": "Ada", "lastname": "Lovelace",
                    "hs_language": "en-gb",
                },
            },
            {
                "id": "bea@example.com", "idProperty": "email", "objectWriteTraceId": bea,
                "properties": { "email": "bea@example.com", "hs_language": "fr" },
            },
        ]);
        assert_eq!(inputs(&Entries::of(&attempts).unwrap()), expected);
    }

    #[test]
    fn events_of_one_contact_end_as_it_does() {
        let attempts =
            ["ada", "bea", "ADA"].map(|name| updated(&format!("{name}@example.com"), &json!({})));
        let entries = Entries::of(&attempts).unwrap();
        let later = || Outcome::Retry { reason: Reason::new("locked"), after: None };
        let each = |outcomes: &[Outcome]| entries.settle(Batched::Each(outcomes.to_vec()));
        assert_eq!(
            each(&[later(), Outcome::Delivered]),
            Batched::Each(vec![later(), Outcome::Delivered, later()])
        );
        let bad = Outcome::rejected("bad");
        assert_eq!(
            each(&[Outcome::Delivered, bad.clone()]),
            Batched::Each(vec![Outcome::Delivered, bad.clone(), Outcome::Delivered])
        );
        // Either of Ada's two events may be good.
        assert_eq!(each(&[bad, later()]), Batched::Refused { reason: Reason::new("bad") });
        let whole = Batched::All(Outcome::rejected("no such path"));
        assert_eq!(entries.settle(whole.clone()), whole);
    }

    #[test]
    fn two_events_of_one_contact_are_no_batch_to_be_given_up_as_a_whole() {
        let attempts =
            [updated("ada@example.com", &json!({})), updated("ada@example.com", &json!({}))];
        let entries = Entries::of(&attempts).unwrap();
        let refused = Batched::Refused { reason: Reason::new("bad") };
        assert_eq!(entries.settle(Batched::All(Outcome::rejected("bad"))), refused);
    }

    #[test]
    fn only_upserts_share_a_call() {
        let upsert = updated("ada@example.com", &json!({}));
        for other in [
            updated("ada@example.com", &json!({ "previous_email": "bea@example.com" })),
            attempt("user.deleted", &json!({ "user_id": "u-1", "email": "ada@example.com" })),
            attempt("user.registered", &json!({ "user_id": "u-1" })),
        ] {
            assert!(Entries::of(&[upsert.clone(), other.clone()]).is_none(), "{other:?}");
        }
    }
}
