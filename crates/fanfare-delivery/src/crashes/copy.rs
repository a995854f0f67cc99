//! A message on the broker, as far as it matters.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use fanfare_broker::Message;
use fanfare_broker::rehearsal::received;

/// A message on the broker. Those that say the same are the same, whenever they were written.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) event: usize,
    pub(super) message: Rc<Message>,
    /// How often it was handed over before.
    pub(super) deliveries: u32,
    pub(super) view: View,
}

/// What a message says that matters to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct View {
    pub(super) attempts: u32,
    pub(super) unanswered: u32,
    pub(super) redelivered: bool,
}

pub(super) const IDS: [&str; 3] = ["A", "B", "C"];

const PUBLISHED_AT: u64 = 0;

impl Copy {
    /// An event as it was published.
    pub(super) fn of_event(event: usize) -> Self {
        let body = format!(
            r#"{{"specversion":"1.0","id":"{}","source":"/t","type":"t.happened"}}"#,
            IDS[event]
        );
        let message = Message::new(IDS[event], body).expect("a message with an id");
        Self::new(event, message.timestamp(PUBLISHED_AT), 0)
    }

    pub(super) fn new(event: usize, message: impl Into<Rc<Message>>, deliveries: u32) -> Self {
        let message = message.into();
        let seen = received(&message, deliveries);
        let view = View {
            attempts: seen.attempts(),
            unanswered: seen.unanswered(),
            redelivered: seen.redelivered(),
        };
        Self { event, message, deliveries, view }
    }

    /// As it is handed over next time.
    pub(super) fn again(&self) -> Self {
        Self::new(self.event, Rc::clone(&self.message), self.deliveries + 1)
    }
}

impl PartialEq for Copy {
    fn eq(&self, other: &Self) -> bool {
        (self.event, self.view) == (other.event, other.view)
    }
}

impl Eq for Copy {}

impl Hash for Copy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.event, self.view).hash(state);
    }
}
