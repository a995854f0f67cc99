//! What can go wrong between us and the broker, without naming the client library.

use std::fmt;

use lapin::protocol::AMQPErrorKind;

/// Something that the broker, or the way to it, answered.
#[derive(Clone, Debug)]
pub struct Fault {
    text: String,
    kind: FaultKind,
}

/// What a [`Fault`] means for whoever meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The broker refused this one operation, with an AMQP reply code such as
    /// 403 `ACCESS_REFUSED`, 404 `NOT_FOUND` or 406 `PRECONDITION_FAILED`.
    Refused {
        /// The AMQP reply code.
        code: u16,
    },
    /// The broker closed the connection, with an AMQP reply code.
    Closed {
        /// The AMQP reply code.
        code: u16,
    },
    /// The connection was lost or never came about.
    Lost,
}

const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
const PRECONDITION_FAILED: u16 = 406;

impl Fault {
    pub(crate) fn lost(text: impl Into<String>) -> Self {
        Self { text: text.into(), kind: FaultKind::Lost }
    }

    /// What it means.
    pub fn kind(&self) -> FaultKind {
        self.kind
    }

    /// The object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == FaultKind::Refused { code: NOT_FOUND }
    }

    /// The user may not do this.
    pub fn is_access_refused(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Refused { code: ACCESS_REFUSED }
                | FaultKind::Closed { code: ACCESS_REFUSED }
        )
    }

    /// The object is there for somebody else.
    pub fn is_locked(&self) -> bool {
        self.kind == FaultKind::Refused { code: RESOURCE_LOCKED }
    }

    /// The object exists with other properties.
    pub fn is_precondition_failed(&self) -> bool {
        self.kind == FaultKind::Refused { code: PRECONDITION_FAILED }
    }
}

impl From<lapin::Error> for Fault {
    fn from(error: lapin::Error) -> Self {
        let kind = match error.kind() {
            lapin::ErrorKind::ProtocolError(refusal) => match refusal.kind() {
                AMQPErrorKind::Soft(_) => FaultKind::Refused { code: refusal.get_id() },
                AMQPErrorKind::Hard(_) => FaultKind::Closed { code: refusal.get_id() },
            },
            _ => FaultKind::Lost,
        };
        let text = match error.kind() {
            lapin::ErrorKind::ProtocolError(refusal) => refusal.get_message().to_string(),
            _ => error.to_string(),
        };
        Self { text, kind }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}
