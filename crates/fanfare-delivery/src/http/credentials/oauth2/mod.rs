//! Access tokens by the client credentials grant of OAuth 2 (RFC 6749 §4.4).

mod exchange;
mod token;
mod tokens;

use fanfare_process::settings::Secret;
pub(super) use tokens::Tokens;
use url::Url;

/// Who asks for access tokens, where, and for what.
#[derive(Clone, Debug)]
pub struct OAuth2Client {
    /// The token endpoint.
    pub token_url: Url,
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: Secret,
    /// What the token shall be good for, space-separated; else what the endpoint thinks best.
    pub scope: Option<String>,
    /// Which API the token is for, where the endpoint wants to know.
    pub audience: Option<String>,
    /// How the client authenticates at the token endpoint.
    pub auth: ClientAuth,
}

/// How a client authenticates at the token endpoint (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// By `Authorization: Basic`, which every endpoint has to understand.
    Basic,
    /// By `client_id` and `client_secret` in the body, for endpoints that insist on it.
    Form,
}
