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
    /// The operator who stopped it, or the replica that was told to wait, or is in trouble.
    pub state_by: Option<String>,
    /// How many replicas said of late that they are in trouble, each for itself.
    pub troubled: usize,
    /// When the last of them said so, RFC 3339.
    pub troubled_said: Option<String>,
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
    /// Some replicas hold, each for what it has met itself.
    Troubled,
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
                ..Self::troubled_by(log, now)
            };
        }
        let Some(hold) = log.trouble() else { return Self::troubled_by(log, now) };
        let holds = log.held(when::epoch_ms(now)).is_some();
        Self {
            state: Some(if holds { State::Held } else { State::Probing }),
            state_since: rfc3339(hold.since_ms),
            state_until: rfc3339(hold.until_ms),
            state_why: both(&hold.trouble, &hold.why),
            state_by: said(&hold.replica),
            ..Self::troubled_by(log, now)
        }
    }

    /// What the replicas say that go by what they meet themselves; the last to speak is quoted.
    fn troubled_by(log: &ControlState, now: OffsetDateTime) -> Self {
        let now_ms = when::epoch_ms(now);
        let Some(last) = log.troubled(now_ms).next_back() else {
            return Self { state: Some(State::Running), ..Self::default() };
        };
        Self {
            state: Some(State::Troubled),
            state_since: log.troubled(now_ms).map(|one| one.since_ms).min().and_then(rfc3339),
            state_until: rfc3339(last.until_ms),
            state_why: both(&last.trouble, &last.why),
            state_by: said(&last.replica),
            troubled: log.troubled(now_ms).count(),
            troubled_said: rfc3339(last.said_ms),
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
            State::Troubled => {
                let said = with(", said ", &self.troubled_said, "");
                format!("in trouble{since}{reason}, by {}{said}", replicas(self.troubled))
            }
        })
    }
}

fn replicas(count: usize) -> String {
    if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") }
}

fn both(trouble: &str, why: &str) -> Option<String> {
    let words: Vec<_> = [trouble, why].into_iter().filter(|word| !word.is_empty()).collect();
    said(&words.join(": "))
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

    fn troubled(replica: &str, until_ms: u64) -> News {
        let (trouble, why) = ("unauthorized".into(), "401 Unauthorized".into());
        News::Troubled { replica: replica.into(), until_ms, trouble, why }
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
            (
                vec![troubled("r-1", 20_000), troubled("r-2", 9_000)],
                "troubled",
                "in trouble since 1970-01-01T00:00:01Z (unauthorized: 401 Unauthorized), by 2 \
                 replicas, said 1970-01-01T00:00:01Z",
            ),
            (
                vec![troubled("r-1", 20_000), News::Well { replica: "r-1".into() }],
                "running",
                "running",
            ),
            (
                vec![troubled("r-1", 20_000), held(20_000)],
                "held",
                "held until 1970-01-01T00:00:20Z (throttled: 429 Too Many Requests)",
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
            "troubled": 0,
            "troubled_said": null,
        });
        assert_eq!(json!(standing(&[held(20_000)])), expected);
        let mut both = expected;
        both["troubled"] = json!(1);
        both["troubled_said"] = json!("1970-01-01T00:00:01Z");
        assert_eq!(json!(standing(&[troubled("r-2", 20_000), held(20_000)])), both);
    }
}
