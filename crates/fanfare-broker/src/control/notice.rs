//! One entry of a control log, and its form on the wire.

use serde::{Deserialize, Serialize};

use crate::dead_letter::DeathNote;
use crate::message::{Message, MessageError, cut};

/// One entry of a destination's control log.
///
/// On the wire it is a JSON object with `version` (1), `at_ms`, `kind` and what belongs
/// to the kind, so that any tool can write one:
/// `{"version":1,"at_ms":1764000000000,"kind":"paused","by":"ada","why":"migration"}`.
/// Members that are not known are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When it was written, in milliseconds since the epoch, by the writer's clock.
    pub at_ms: u64,
    /// What it says.
    #[serde(flatten)]
    pub news: News,
    /// Whether it repeats a pause from further back, lest the broker forgets it with the
    /// oldest part of the log. It stops nothing that has been resumed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What a notice says. A `replica` is one run of one process, by a name of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum News {
    /// An operator stops the destination until somebody resumes it.
    Paused {
        /// Who.
        by: String,
        /// Why, in their words.
        why: String,
    },
    /// The API asked for no more events (410), until somebody resumes it.
    Disabled {
        /// The replica that was told.
        by: String,
        /// What it was told.
        why: String,
    },
    /// An operator ends a pause; where there is none, a hold.
    Resumed {
        /// Who.
        by: String,
        /// Why, in their words.
        why: String,
    },
    /// The API, or the way to it, asks everybody to wait.
    Held {
        /// The replica that met it.
        replica: String,
        /// Until when, in milliseconds since the epoch, by this replica's clock.
        until_ms: u64,
        /// What kind of trouble, in a word such as `throttled`.
        trouble: String,
        /// What happened, in a sentence.
        why: String,
    },
    /// A replica met trouble that it sits out by itself, or meets it still. Others go by what
    /// they meet; it is said for operators.
    Troubled {
        /// The replica.
        replica: String,
        /// When it tries again, in milliseconds since the epoch, by its clock.
        until_ms: u64,
        /// What kind of trouble, in a word such as `unreachable`.
        trouble: String,
        /// What happened, in a sentence.
        why: String,
    },
    /// A replica asks to be the one that tries whether the API is well again.
    Probe {
        /// The replica.
        replica: String,
        /// When another one may ask, in milliseconds since the epoch, should nothing more
        /// be heard of this one.
        lease_until_ms: u64,
    },
    /// The API took what a replica sent to probe it. A hold of everybody's is over if the
    /// probe was granted; whoever met trouble by itself has reason to look again.
    Well {
        /// The replica that had probed.
        replica: String,
    },
    /// Says nothing. Whoever reads its own back has read all that was there before.
    Joined {
        /// The replica that reads.
        replica: String,
    },
}

/// Why a message is no notice that can be followed.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableNotice {
    /// It has more bytes than any notice.
    #[error("it has {0} bytes")]
    TooLong(usize),
    /// A later version of Fanfare wrote it.
    #[error("its version is {0}, this one reads version {VERSION}")]
    Version(u32),
    /// It is not JSON, or of a kind that is not known.
    #[error(transparent)]
    Form(#[from] serde_json::Error),
}

const VERSION: u32 = 1;
const MEDIA_TYPE: &str = "application/json";
/// Ten times what the longest notice of ours has.
const LONGEST_BODY: usize = 16 * 1024;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    #[serde(flatten)]
    notice: &'a Notice,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Notice {
    /// A notice of now, which is `at_ms`.
    pub fn new(at_ms: u64, news: News) -> Self {
        Self { at_ms, news, again: false }
    }

    /// The message to publish to the destination's control exchange, with any routing
    /// key. A long `why` is cut.
    pub fn message(&self, id: &str) -> Result<Message, MessageError> {
        let mut notice = self.clone();
        if let Some(why) = notice.news.why_mut() {
            why.truncate(cut(why, DeathNote::LONGEST_TEXT).len());
        }
        let written = Written { version: VERSION, notice: &notice };
        let body = serde_json::to_vec(&written).expect("texts, numbers and flags are JSON");
        Message::new(id, body)?.content_type(MEDIA_TYPE)
    }

    /// What a message of the log says.
    pub fn from_body(body: &[u8]) -> Result<Self, UnreadableNotice> {
        if body.len() > LONGEST_BODY {
            return Err(UnreadableNotice::TooLong(body.len()));
        }
        match serde_json::from_slice::<Versioned>(body)?.version {
            VERSION => Ok(serde_json::from_slice(body)?),
            other => Err(UnreadableNotice::Version(other)),
        }
    }
}

impl News {
    fn why_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Paused { why, .. }
            | Self::Disabled { why, .. }
            | Self::Resumed { why, .. }
            | Self::Held { why, .. }
            | Self::Troubled { why, .. } => Some(why),
            Self::Probe { .. } | Self::Well { .. } | Self::Joined { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn written(news: News) -> Value {
        let message = Notice::new(7, news).message("1").unwrap();
        serde_json::from_slice(message.body()).unwrap()
    }

    #[test]
    fn every_kind_reads_back_as_it_was_written() {
        let (by, why) = (|| "ada".to_owned(), || "because".to_owned());
        let replica = || "r-1".to_owned();
        let table = [
            (News::Paused { by: by(), why: why() }, "paused"),
            (News::Disabled { by: by(), why: why() }, "disabled"),
            (News::Resumed { by: by(), why: why() }, "resumed"),
            (
                News::Held {
                    replica: replica(),
                    until_ms: u64::MAX,
                    trouble: "throttled".into(),
                    why: why(),
                },
                "held",
            ),
            (
                News::Troubled {
                    replica: replica(),
                    until_ms: u64::MAX,
                    trouble: "unauthorized".into(),
                    why: why(),
                },
                "troubled",
            ),
            (News::Probe { replica: replica(), lease_until_ms: 9 }, "probe"),
            (News::Well { replica: replica() }, "well"),
            (News::Joined { replica: replica() }, "joined"),
        ];
        for (news, kind) in table {
            let body = written(news.clone());
            assert_eq!(body["kind"], kind);
            let read = Notice::from_body(body.to_string().as_bytes()).unwrap();
            assert_eq!(read, Notice::new(7, news));
        }
    }

    #[test]
    fn the_form_on_the_wire_is_an_interface() {
        let paused = News::Paused { by: "ada".into(), why: "migration".into() };
        let mut expected = json!({
            "version": 1, "at_ms": 7, "kind": "paused", "by": "ada", "why": "migration"
        });
        assert_eq!(written(paused.clone()), expected);
        let again = Notice { again: true, ..Notice::new(7, paused) }.message("1").unwrap();
        expected["again"] = json!(true);
        assert_eq!(serde_json::from_slice::<Value>(again.body()).unwrap(), expected);
    }

    #[test]
    fn what_another_version_wrote_is_told_apart_from_what_is_no_notice() {
        let read = |body: Value| Notice::from_body(body.to_string().as_bytes());
        let more = json!({ "version": 1, "at_ms": 1, "kind": "well", "replica": "r", "more": [] });
        assert!(read(more).is_ok());
        let later = json!({ "version": 2, "kind": "unheard of" });
        assert!(matches!(read(later), Err(UnreadableNotice::Version(2))));
        for body in [
            json!({ "version": 1, "at_ms": 1, "kind": "unheard of" }),
            json!({ "version": 1, "at_ms": 1, "kind": "well" }),
            json!({ "at_ms": 1, "kind": "well", "replica": "r" }),
            json!("well"),
            json!({ "version": 1, "at_ms": -1, "kind": "well", "replica": "r" }),
        ] {
            assert!(matches!(read(body.clone()), Err(UnreadableNotice::Form(_))), "{body}");
        }
        let long = vec![b' '; LONGEST_BODY + 1];
        assert!(matches!(Notice::from_body(&long), Err(UnreadableNotice::TooLong(_))));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let body = written(News::Resumed { by: "ada".into(), why: "ä".repeat(5000) });
        assert_eq!(body["why"].as_str().unwrap().len(), DeathNote::LONGEST_TEXT);
    }
}
