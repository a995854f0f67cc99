//! How calls are authenticated, and what happens when an API does not accept it.

mod header;
mod settings;

use std::fmt;
use std::sync::Arc;

use fanfare_process::settings::Secret;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use header::{HeaderRecipe, Scheme};
pub use settings::read_credentials;

use super::watched::Watched;

/// What an [`HttpClient`](super::HttpClient) puts into every call, so that the API knows us.
///
/// Secrets that came from a file are looked at again while they are used, at most once a
/// second and at once after a 401, so that a new one needs no restart. While the file cannot
/// be used, the last good secret is.
///
/// Cheap to clone; clones share what they know.
#[derive(Clone, Default)]
pub struct Credentials(Kind);

#[derive(Clone, Default)]
enum Kind {
    #[default]
    None,
    Header(Arc<Watched<HeaderRecipe>>),
}

/// Why a secret is none that an API could be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CredentialsError(String);

/// The header that a call is authenticated with.
#[derive(Clone)]
pub(super) struct Presented {
    name: HeaderName,
    value: HeaderValue,
}

impl Credentials {
    /// Nothing: the API is open, or somebody on the way authenticates the calls.
    pub fn none() -> Self {
        Self::default()
    }

    /// `Authorization: Bearer` (RFC 6750).
    pub fn bearer(token: Secret) -> Result<Self, CredentialsError> {
        Self::in_header(Scheme::Bearer, AUTHORIZATION, token)
    }

    /// The bare key in a header that the API names.
    pub fn api_key(header: HeaderName, key: Secret) -> Result<Self, CredentialsError> {
        Self::in_header(Scheme::ApiKey, header, key)
    }

    /// `Authorization: Basic` (RFC 7617). The user holds no colon: it would end there.
    pub fn basic(user: &str, password: Secret) -> Result<Self, CredentialsError> {
        Self::in_header(Scheme::Basic { user: user.to_owned() }, AUTHORIZATION, password)
    }

    fn in_header(
        scheme: Scheme,
        name: HeaderName,
        secret: Secret,
    ) -> Result<Self, CredentialsError> {
        let watched = Watched::new(HeaderRecipe { scheme, name, secret });
        watched.map(|header| Self(Kind::Header(Arc::new(header)))).map_err(CredentialsError)
    }

    /// Whether another try may present something else than the first did.
    pub(super) fn may_change(&self) -> bool {
        match &self.0 {
            Kind::None => false,
            Kind::Header(header) => !header.is_fixed(),
        }
    }

    /// What to put into a call; `None` where there is nothing to put.
    pub(super) fn presented(&self) -> Option<Presented> {
        match &self.0 {
            Kind::None => None,
            Kind::Header(header) => Some(header.current()),
        }
    }

    /// What to try after the API refused `refused`; `None` where it would be the same again.
    pub(super) fn instead_of(&self, refused: &Presented) -> Option<Presented> {
        let other = match &self.0 {
            Kind::None => return None,
            Kind::Header(header) => header.look_again(),
        };
        (other.value != refused.value).then_some(other)
    }
}

impl Presented {
    /// Replaces what the caller may have put there itself.
    pub(super) fn put_into(&self, request: &mut Request) {
        request.headers_mut().insert(self.name.clone(), self.value.clone());
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::None => "none",
            Kind::Header(header) => header.name(),
        };
        write!(f, "Credentials({kind})")
    }
}
