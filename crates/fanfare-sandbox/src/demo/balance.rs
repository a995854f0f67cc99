//! What the demo comes to.

use std::collections::BTreeMap;

use serde::Serialize;

/// What the demo comes to, as `--json` prints it.
///
/// Per destination `delivered + dead + skipped` is `published` when everything is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Events that the broker confirmed.
    pub published: usize,
    /// Lines of the file that are no valid event; absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub invalid_lines: usize,
    /// What became of the events, by destination.
    pub destinations: BTreeMap<&'static str, DestinationBalance>,
    /// Whether every event is accounted for, and nothing was doubled without a reason.
    pub balanced: bool,
}

/// What became of the events at one destination, at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DestinationBalance {
    /// Events that the API has, by their idempotency keys.
    pub delivered: usize,
    /// Events in the dead-letter queue.
    pub dead: usize,
    /// Events that were dead letters and were replayed.
    pub replayed: usize,
    /// Events of a type that the consumer does not handle; absent when there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub skipped: usize,
}

/// How the demo ended.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What it comes to.
    pub balance: Balance,
    /// What must not be, each with the destination and the event's id.
    pub wrong: Vec<String>,
}

impl Verdict {
    /// Whether all is well: the balance closes, and every line of the file was an event.
    pub fn is_good(&self) -> bool {
        self.balance.balanced && self.balance.invalid_lines == 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_the_documented_object() {
        let one = DestinationBalance { delivered: 990, dead: 10, replayed: 5, skipped: 0 };
        let mut balance = Balance {
            published: 1000,
            invalid_lines: 0,
            destinations: BTreeMap::from([("hubspot", one)]),
            balanced: true,
        };
        let json = serde_json::to_string(&balance).unwrap();
        let expected = r#"{"published":1000,"destinations":{"hubspot":{"delivered":990,"dead":10,"replayed":5}},"balanced":true}"#;
        assert_eq!(json, expected);
        balance.invalid_lines = 2;
        balance.destinations.insert("sendgrid", DestinationBalance { skipped: 1, ..one });
        let json = serde_json::to_string(&balance).unwrap();
        assert!(json.contains(r#""invalid_lines":2"#) && json.contains(r#""skipped":1"#), "{json}");
    }
}
