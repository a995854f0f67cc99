//! The mails that were accepted: the newest are kept, all are counted.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::http_date::rfc3339_ms;
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
    #[serde(skip)]
    taken_at: SystemTime,
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
            taken_at: SystemTime::now(),
        });
        message_id
    }

    /// The newest mails with this custom argument, as the Email Activity shows them.
    pub(super) fn with_argument(&self, name: &str, value: &str, limit: usize) -> Vec<Value> {
        let is_wanted = |mail: &&Mail| mail.custom_args.get(name).is_some_and(|own| own == value);
        self.kept.iter().rev().filter(is_wanted).take(limit).map(Mail::to_activity).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "accepted": self.accepted, "mails": self.kept })
    }
}

impl Mail {
    fn to_activity(&self) -> Value {
        json!({
            "from_email": self.from,
            "msg_id": self.message_id,
            "subject": self.subject,
            "to_email": self.to.first(),
            "status": "processed",
            "opens_count": 0,
            "clicks_count": 0,
            "last_event_time": rfc3339_ms(self.taken_at),
        })
    }
}
