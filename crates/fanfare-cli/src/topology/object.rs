//! One object of a topology, and how it stands.

use fanfare_broker::topology::{Argument, Binding, Exchange, ExchangeKind, Queue};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

/// An object as planned, and how it stands on the broker.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectState {
    /// What it is.
    pub kind: ObjectKind,
    /// Its name; of a binding, where it leads from and to.
    pub name: String,
    /// Its properties and arguments, as planned.
    pub arguments: Map<String, Value>,
    /// How it stands.
    pub state: State,
    /// What differs, one sentence each.
    pub differences: Vec<String>,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// An exchange.
    Exchange,
    /// A queue.
    Queue,
    /// A binding.
    Binding,
}

/// How an object stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As planned.
    AsPlanned,
    /// It does not exist.
    Missing,
    /// It exists with other arguments.
    Different,
    /// A binding that exists and is not planned.
    Unplanned,
    /// The user may not look at it, or not at its arguments.
    Unknown,
    /// Nobody could be asked.
    NotLookedAt,
}

impl State {
    /// The state in words, which are its JSON form too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsPlanned => "as planned",
            Self::Missing => "missing",
            Self::Different => "different",
            Self::Unplanned => "unplanned",
            Self::Unknown => "unknown",
            Self::NotLookedAt => "not looked at",
        }
    }

    /// Whether somebody has to act.
    pub fn is_drift(self) -> bool {
        match self {
            // What could not be looked at is counted by itself.
            Self::AsPlanned | Self::Unknown | Self::NotLookedAt => false,
            Self::Missing | Self::Different | Self::Unplanned => true,
        }
    }
}

impl ObjectKind {
    /// The kind in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exchange => "exchange",
            Self::Queue => "queue",
            Self::Binding => "binding",
        }
    }
}

impl ObjectState {
    pub(super) fn of_exchange(exchange: &Exchange, state: State) -> Self {
        let kind = match exchange.kind {
            ExchangeKind::Fanout => "fanout",
            ExchangeKind::Topic => "topic",
            ExchangeKind::Direct => "direct",
        };
        let mut arguments = Map::new();
        arguments.insert("type".into(), kind.into());
        if exchange.internal {
            arguments.insert("internal".into(), true.into());
        }
        if let Some(alternate) = &exchange.alternate {
            arguments.insert("alternate-exchange".into(), alternate.clone().into());
        }
        Self::new(ObjectKind::Exchange, exchange.name.clone(), arguments, state)
    }

    pub(super) fn of_queue(queue: &Queue, state: State) -> Self {
        let argument = |argument: &Argument| match argument {
            Argument::Number(number) => json!(number),
            Argument::Text(text) => json!(text),
            Argument::Flag(flag) => json!(flag),
        };
        let arguments = queue
            .arguments
            .iter()
            .map(|(name, value)| ((*name).to_owned(), argument(value)))
            .collect();
        Self::new(ObjectKind::Queue, queue.name.clone(), arguments, state)
    }

    pub(super) fn of_binding(binding: &Binding, state: State) -> Self {
        let mut arguments = Map::new();
        if !binding.key.is_empty() {
            arguments.insert("routing-key".into(), binding.key.clone().into());
        }
        let target = if binding.to_queue { "queue" } else { "exchange" };
        let name = format!("{} -> {target} {}", binding.source, binding.target);
        Self::new(ObjectKind::Binding, name, arguments, state)
    }

    fn new(kind: ObjectKind, name: String, arguments: Map<String, Value>, state: State) -> Self {
        Self { kind, name, arguments, state, differences: Vec::new() }
    }

    /// The state with what differs, on one line.
    pub(super) fn state_line(&self) -> String {
        let state = self.state.as_str();
        if self.differences.is_empty() {
            return state.to_owned();
        }
        format!("{state}: {}", self.differences.join("; "))
    }

    /// The arguments on one line.
    pub(super) fn arguments_line(&self) -> String {
        let one = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        };
        self.arguments.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_str().replace(' ', "_").serialize(serializer)
    }
}
