//! What can go wrong with a call, split by the one question that matters: was it sent?

use std::error::Error;
use std::iter;
use std::time::Duration;

use rustls::AlertDescription;

use super::guard::Blocked;
use super::resolver::ResolveError;
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
    /// The API refused our client certificate, or wants one, before it took the request.
    ///
    /// It says so by a TLS alert. In TLS 1.3 we hear of it after our side of the handshake is
    /// done, and then the request is on its way; but a server that has not accepted our
    /// certificate has not finished the handshake (RFC 8446 §4.4), so it has read nothing of
    /// the request. Nor can it ask for a certificate later on: we offer neither post-handshake
    /// authentication nor renegotiation. nginx finishes the handshake all the same, and says
    /// so with a 400 of its own before it passes anything on.
    ///
    /// A server that is very near may close the connection while more than some 64 KiB are
    /// being written, and the write fails before the alert is read: that is
    /// [`Unknown`](Self::Unknown).
    #[error("the API does not accept our client certificate, or wants one: {why}")]
    Refused {
        /// The client's words, causes included.
        why: String,
    },
    /// There is no access token to make the call with, so it was not made.
    #[error("there is no access token: {why}")]
    NoToken {
        /// What the token endpoint answered, or why it did not.
        why: String,
        /// Whether it refused us, asked us to slow down, or could not be reached.
        trouble: Trouble,
        /// How long it asked us to wait.
        pause: Option<Duration>,
    },
    /// The address guard kept the call from being made. The log says which address it was:
    /// whoever chose the URL must not learn from it where it leads.
    #[error("the API's address is not public, and not among those that are allowed")]
    Blocked,
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
            Self::Untrusted { .. } | Self::Blocked => {
                Outcome::Hold { reason, trouble: Trouble::Untrusted, pause: None }
            }
            Self::Refused { .. } => {
                Outcome::Hold { reason, trouble: Trouble::Unauthorized, pause: None }
            }
            Self::NoToken { trouble, pause, .. } => {
                Outcome::Hold { reason, trouble: *trouble, pause: *pause }
            }
            Self::Unknown { .. } => Outcome::Ambiguous { reason },
            Self::Malformed { .. } => Outcome::Rejected { reason },
        }
    }
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let (is_builder, is_connect) = (error.is_builder(), error.is_connect());
        let blocked = is_connect && has(&error, is_blocked);
        let untrusted = is_connect && has(&error, is_invalid_certificate);
        let refused = has(&error, is_refusal_of_certificate);
        // The URL may hold secrets; operators know where the destination is.
        let why = chain(&error.without_url());
        if is_builder {
            Self::Malformed { why }
        } else if blocked {
            Self::Blocked
        } else if untrusted {
            Self::Untrusted { why }
        } else if refused {
            Self::Refused { why }
        } else if is_connect {
            Self::NotSent { why }
        } else {
            Self::Unknown { why }
        }
    }
}

impl From<ResolveError> for CallError {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::Blocked(blocked) => blocked.into(),
            ResolveError::Late | ResolveError::Failed(_) => Self::NotSent { why: chain(&error) },
        }
    }
}

impl From<Blocked> for CallError {
    fn from(_: Blocked) -> Self {
        Self::Blocked
    }
}

fn is_blocked(error: &(dyn Error + 'static)) -> bool {
    error.is::<Blocked>()
}

fn is_invalid_certificate(error: &(dyn Error + 'static)) -> bool {
    let tls = error.downcast_ref::<rustls::Error>();
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

/// Whether the other side ended the handshake over who we are.
fn is_refusal_of_certificate(error: &(dyn Error + 'static)) -> bool {
    let Some(rustls::Error::AlertReceived(alert)) = error.downcast_ref() else { return false };
    matches!(
        alert,
        AlertDescription::AccessDenied
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRequired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            // Our signature does not fit our certificate.
            | AlertDescription::DecryptError
            // What TLS 1.2 has for a certificate that is missing, among other things.
            | AlertDescription::HandshakeFailure
            | AlertDescription::NoCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

/// Whether the error, or one that caused it, is of a kind.
fn has(error: &(dyn Error + 'static), is_of_kind: impl Fn(&(dyn Error + 'static)) -> bool) -> bool {
    iter::successors(Some(error), |error| cause(*error)).any(is_of_kind)
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    // An I/O error's source skips the error that it wraps.
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn chain(error: &dyn Error) -> String {
    fanfare_process::telemetry::Chain(error).to_string()
}
