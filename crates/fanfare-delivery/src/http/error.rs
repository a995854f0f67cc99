//! What can go wrong with a call, split by the one question that matters: was it sent?

use std::error::Error;

use crate::outcome::{Outcome, Reason, Trouble};

/// Why a call brought no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing reached the API, so repeating is safe.
    #[error("the API could not be reached: {why}")]
    NotSent {
        /// The client's words, causes included.
        why: String,
    },
    /// The API's certificate is not valid for it.
    #[error("the API's certificate cannot be trusted: {why}")]
    Untrusted {
        /// The client's words, causes included.
        why: String,
    },
    /// The request left, and no whole answer came: it may have had its effect.
    #[error("no answer came: {why}")]
    Unknown {
        /// The client's words, causes included.
        why: String,
    },
    /// The request cannot be built, and never will be.
    #[error("the request cannot be built: {why}")]
    Malformed {
        /// The client's words, causes included.
        why: String,
    },
}

impl CallError {
    /// What it means for the event, by default.
    pub fn outcome(&self) -> Outcome {
        let reason = Reason::new(self.to_string());
        match self {
            Self::NotSent { .. } => {
                Outcome::Hold { reason, trouble: Trouble::Unreachable, pause: None }
            }
            Self::Untrusted { .. } => {
                Outcome::Hold { reason, trouble: Trouble::Untrusted, pause: None }
            }
            Self::Unknown { .. } => Outcome::Ambiguous { reason },
            Self::Malformed { .. } => Outcome::Rejected { reason },
        }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let (is_builder, is_connect) = (error.is_builder(), error.is_connect());
        let untrusted = is_connect && has_certificate_error(&error);
        // The URL may hold secrets; operators know where the destination is.
        let why = chain(&error.without_url());
        if is_builder {
            Self::Malformed { why }
        } else if untrusted {
            Self::Untrusted { why }
        } else if is_connect {
            Self::NotSent { why }
        } else {
            Self::Unknown { why }
        }
    }
}

fn has_certificate_error(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        // An I/O error's source skips the error that it wraps.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

fn chain(error: &dyn Error) -> String {
    fanfare_process::telemetry::Chain(error).to_string()
}
