//! Why a command ends without having done what was asked, and its exit code.

use std::io;

use fanfare_broker::topology::{DeclareError, VerifyError};
use fanfare_process::Exit;
use fanfare_process::settings::SettingsError;

use crate::audit::AuditError;
use crate::control::SteerError;
use crate::dlq::{ChangeError, ScanError};
use crate::management::ManagementError;
use crate::publish::PublishRunError;
use crate::status::StatusError;

/// Why a command ends early. What it did before stands in its summary and in the audit log.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The arguments.
    #[error("{0}")]
    Usage(String),
    /// It was looked at or done, and did not come out as asked; the answer says what.
    #[error("{0}")]
    NotAsAsked(String),
    /// Dead letters cannot be read.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A replay or a removal ended early.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// A change cannot be recorded, so it was not made.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The topology cannot be declared.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// The topology cannot be looked at.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// Queues cannot be looked at.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// A destination cannot be stopped or started.
    #[error(transparent)]
    Steer(#[from] SteerError),
    /// The management API.
    #[error(transparent)]
    Management(#[from] ManagementError),
    /// Events cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishRunError),
    /// The answer cannot be written, or a question not asked.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Settings(_) | Self::Usage(_) => Exit::Settings,
            Self::NotAsAsked(_) | Self::Audit(_) => Exit::Failed,
            // Whoever read our answer has read enough, as `head` does.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Output(_) => Exit::Failed,
            Self::Scan(error) => reached(error.is_unreachable()),
            Self::Change(error) => reached(error.is_unreachable()),
            Self::Status(error) => reached(error.is_unreachable()),
            Self::Steer(error) => reached(error.is_unreachable()),
            Self::Management(error) => reached(error.is_unreachable()),
            Self::Publish(error) => reached(error.is_unreachable()),
            Self::Declare(error) => reached(matches!(error, DeclareError::Unreachable(_))),
            Self::Verify(VerifyError::Unreachable(_) | VerifyError::Lost(_)) => Exit::Unreachable,
        }
    }

    /// Whether there is nothing to say about it.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn reached(unreachable: bool) -> Exit {
    if unreachable { Exit::Unreachable } else { Exit::Failed }
}
