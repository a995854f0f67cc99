//! The mails that were accepted: the newest are kept, all are counted.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use serde_json::{Value, json};

use super::message::Message;

/// Letters and digits of a message id.
const ID_LENGTH: usize = 22;

#[derive(Debug)]
pub(super) struct Mails {
    kept: VecDeque<Mail>,
    max: usize,
    accepted: u64,
}

/// One mail that would have been sent.
#[derive(Debug, Serialize)]
struct Mail {
    message_id: String,
    from: String,
    to: Vec<String>,
    subject: Option<String>,
    template_id: Option<String>,
    custom_args: BTreeMap<String, String>,
}

impl Mails {
    pub(super) fn new(max: usize) -> Self {
        Self { kept: VecDeque::new(), max, accepted: 0 }
    }

    /// Keeps a mail and names it.
    pub(super) fn keep(&mut self, message: Message) -> String {
        let message_id: String = (0..ID_LENGTH).map(|_| fastrand::alphanumeric()).collect();
        self.accepted += 1;
        if self.kept.len() >= self.max {
            self.kept.pop_front();
        }
        let recipients = message.personalizations.into_iter().flat_map(|one| one.to);
        self.kept.push_back(Mail {
            message_id: message_id.clone(),
            from: message.from.map(|from| from.email).unwrap_or_default(),
            to: recipients.map(|to| to.email).collect(),
            subject: message.subject,
            template_id: message.template_id,
            custom_args: message.custom_args,
        });
        message_id
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "accepted": self.accepted, "mails": self.kept })
    }
}
