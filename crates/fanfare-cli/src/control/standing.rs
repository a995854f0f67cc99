//! Whether a destination runs, as its control log tells.

use fanfare_broker::control::ControlState;
use serde::Serialize;
use time::OffsetDateTime;

use crate::when;

/// Whether a destination runs, and why not; its JSON form is an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// `None` where there is no control log, or it may not be read.
    pub state: Option<State>,
    /// Since when it does not run, RFC 3339.
    pub state_since: Option<String>,
    /// Until when it waits, RFC 3339.
    pub state_until: Option<String>,
    /// Why it does not run.
    pub state_why: Option<String>,
    /// The operator who stopped it, or the replica that was told to wait.
    pub state_by: Option<String>,
}

/// Whether a destination runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has stopped it.
    Running,
    /// An operator has stopped it.
    Paused,
    /// The API asked for no more events (410).
    Disabled,
    /// The API asked to wait.
    Held,
    /// The wait is over; one replica at a time tries whether all is well.
    Probing,
}

impl Standing {
    /// What `log` tells at `now`.
    pub fn of(log: &ControlState, now: OffsetDateTime) -> Self {
        if let Some(pause) = log.paused() {
            return Self {
                state: Some(if pause.disabled { State::Disabled } else { State::Paused }),
                state_since: rfc3339(pause.since_ms),
                state_until: None,
                state_why: said(&pause.why),
                state_by: said(&pause.by),
            };
        }
        let Some(hold) = log.trouble() else {
            return Self { state: Some(State::Running), ..Self::default() };
        };
        let holds = log.held(when::epoch_ms(now)).is_some();
        let words = [hold.trouble.as_str(), hold.why.as_str()];
        let words: Vec<_> = words.into_iter().filter(|word| !word.is_empty()).collect();
        Self {
            state: Some(if holds { State::Held } else { State::Probing }),
            state_since: rfc3339(hold.since_ms),
            state_until: rfc3339(hold.until_ms),
            state_why: said(&words.join(": ")),
            state_by: said(&hold.replica),
        }
    }

    /// The same in a line, for people; `None` where nothing is known.
    pub fn line(&self) -> Option<String> {
        let with = |before: &str, text: &Option<String>, after: &str| {
            text.as_ref().map(|text| format!("{before}{text}{after}")).unwrap_or_default()
        };
        let since = with(" since ", &self.state_since, "");
        let until = with(" until ", &self.state_until, "");
        let (by, why) = (with(" by ", &self.state_by, ""), with(": ", &self.state_why, ""));
        let reason = with(" (", &self.state_why, ")");
        Some(match self.state? {
            State::Running => "running".to_owned(),
            State::Paused => format!("paused{by}{since}{why}"),
            State::Disabled => format!("disabled (410){since}{why}"),
            State::Held => format!("held{until}{reason}"),
            State::Probing => format!("probing, was held{until}{reason}"),
        })
    }
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn rfc3339(ms: u64) -> Option<String> {
    when::from_epoch_ms(ms).map(when::rfc3339)
}

#[cfg(test)]
mod tests {
    use fanfare_broker::control::{News, Notice};
    use serde_json::json;

    use super::*;

    fn standing(log: &[News]) -> Standing {
        let mut state = ControlState::default();
        for news in log {
            state.apply(&Notice::new(1_000, news.clone()));
        }
        Standing::of(&state, OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(10))
    }

    fn held(until_ms: u64) -> News {
        let (trouble, why) = ("throttled".into(), "429 Too Many Requests".into());
        News::Held { replica: "r-1".into(), until_ms, trouble, why }
    }

    #[test]
    fn each_state_has_a_line_and_a_word() {
        let (by, why) = (|| "ada".to_owned(), || "migration".to_owned());
        let table = [
            (vec![], "running", "running"),
            (
                vec![News::Paused { by: by(), why: why() }],
                "paused",
                "paused by ada since 1970-01-01T00:00:01Z: migration",
            ),
            (
                vec![News::Paused { by: by(), why: String::new() }],
                "paused",
                "paused by ada since 1970-01-01T00:00:01Z",
            ),
            (
                vec![News::Disabled { by: "r-1".into(), why: "410 Gone".into() }],
                "disabled",
                "disabled (410) since 1970-01-01T00:00:01Z: 410 Gone",
            ),
            (
                vec![held(20_000)],
                "held",
                "held until 1970-01-01T00:00:20Z (throttled: 429 Too Many Requests)",
            ),
            (
                vec![held(9_000)],
                "probing",
                "probing, was held until 1970-01-01T00:00:09Z (throttled: 429 Too Many Requests)",
            ),
        ];
        for (log, word, line) in table {
            let standing = standing(&log);
            assert_eq!(standing.line().as_deref(), Some(line));
            assert_eq!(json!(standing)["state"], word);
        }
        assert_eq!(Standing::default().line(), None);
    }

    #[test]
    fn its_json_is_an_interface() {
        let expected = json!({
            "state": "held",
            "state_since": "1970-01-01T00:00:01Z",
            "state_until": "1970-01-01T00:00:20Z",
            "state_why": "throttled: 429 Too Many Requests",
            "state_by": "r-1",
        });
        assert_eq!(json!(standing(&[held(20_000)])), expected);
    }
}
