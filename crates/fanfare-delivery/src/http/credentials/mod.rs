//! How calls are authenticated, and what happens when an API does not accept it.

mod header;
mod oauth2;
mod settings;

use std::fmt;
use std::sync::Arc;

use fanfare_process::settings::Secret;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

pub(super) use header::SecretText;
use header::{HeaderRecipe, Scheme};
use oauth2::Tokens;
pub use oauth2::{ClientAuth, OAuth2Client};
pub use settings::read_credentials;
use tokio::time::Instant;

use super::connections::Connections;
use super::error::CallError;
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
    OAuth2(Arc<Tokens>),
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

    /// An access token of OAuth 2 (RFC 6749 §4.4, RFC 6750), asked for before the first call
    /// and renewed before it expires.
    pub fn oauth2(client: OAuth2Client) -> Result<Self, CredentialsError> {
        let tokens = Tokens::new(client).map_err(CredentialsError)?;
        Ok(Self(Kind::OAuth2(Arc::new(tokens))))
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
            Kind::OAuth2(_) => true,
        }
    }

    /// What to put into a call; `None` where there is nothing to put.
    ///
    /// A token that has to be asked for first is asked for over `connections`, and not
    /// waited for beyond `deadline`.
    pub(super) async fn presented(
        &self,
        connections: &Connections,
        deadline: Instant,
    ) -> Result<Option<Presented>, CallError> {
        Ok(match &self.0 {
            Kind::None => None,
            Kind::Header(header) => Some(header.current()),
            Kind::OAuth2(tokens) => Some(tokens.current(connections, deadline).await?),
        })
    }

    /// What to try after the API refused `refused`; `None` where it would be the same again.
    pub(super) async fn instead_of(
        &self,
        refused: &Presented,
        connections: &Connections,
        deadline: Instant,
    ) -> Option<Presented> {
        let other = match &self.0 {
            Kind::None => return None,
            Kind::Header(header) => header.look_again(),
            Kind::OAuth2(tokens) => tokens.instead_of(refused, connections, deadline).await.ok()?,
        };
        (other.value != refused.value).then_some(other)
    }
}

impl Presented {
    /// Replaces what the caller may have put there itself, and leaves the call the time
    /// until `end`.
    pub(super) fn put_into(&self, request: &mut Request, end: Instant) {
        request.headers_mut().insert(self.name.clone(), self.value.clone());
        let left = end.saturating_duration_since(Instant::now());
        let own = request.timeout().copied();
        *request.timeout_mut() = Some(own.map_or(left, |own| own.min(left)));
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::None => "none",
            Kind::Header(header) => header.name(),
            Kind::OAuth2(_) => "oauth2",
        };
        write!(f, "Credentials({kind})")
    }
}
