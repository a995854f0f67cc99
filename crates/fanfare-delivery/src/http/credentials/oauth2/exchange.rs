//! One request for an access token.

use std::time::Duration;

use fanfare_process::settings::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::form_urlencoded;

use super::token::Token;
use super::{ClientAuth, OAuth2Client};
use crate::http::answer::Answer;
use crate::http::connections::Connections;
use crate::http::credentials::header::{SecretText, basic, sensitive};
use crate::http::error::CallError;
use crate::http::watched::{Recipe, Watched};
use crate::outcome::Trouble;

/// Asks the token endpoint.
pub(super) struct Exchange {
    client: OAuth2Client,
    secret: Watched<ClientSecret>,
}

/// The client's secret as it is.
struct ClientSecret(Secret);

/// Error codes of RFC 6749 §5.2. Others are not repeated: they could be anything.
const KNOWN_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An endpoint that takes longer is as good as away; calls wait for it.
const DEADLINE: Duration = Duration::from_secs(10);

impl Exchange {
    pub(super) fn new(client: OAuth2Client) -> Result<Self, String> {
        let secret = Watched::new(ClientSecret(client.secret.clone()))?;
        Ok(Self { client, secret })
    }

    pub(super) async fn token(&self, connections: &Connections) -> Result<Token, CallError> {
        // A token is asked for once in a while, so the secret's file is always looked at.
        let request = self.request(connections, &self.secret.look_again())?;
        let asked = Instant::now();
        let answer = connections.exchange(request).await.map_err(unanswered)?;
        if !answer.status.is_success() {
            return Err(refused(&answer));
        }
        Token::granted(&answer.body, asked)
            .map_err(|why| no_token(format!("the token endpoint misbehaves, {why}")))
    }

    fn request(
        &self,
        connections: &Connections,
        secret: &SecretString,
    ) -> Result<Request, CallError> {
        let OAuth2Client { id, scope, audience, auth, .. } = &self.client;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", scope), ("audience", audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        let request = connections
            .request(Method::POST, self.client.token_url.clone())
            .timeout(connections.whole_call().min(DEADLINE))
            .header(CONTENT_TYPE, FORM)
            .header(ACCEPT, JSON);
        let request = match auth {
            ClientAuth::Basic => {
                // Both are form-encoded first, which Basic by itself does not ask for.
                let value = basic(&encoded(id), &encoded(secret.expose_secret()));
                let value = value.and_then(|text| sensitive(&text));
                request.header(AUTHORIZATION, value.map_err(no_token)?)
            }
            ClientAuth::Form => {
                form.append_pair("client_id", id);
                form.append_pair("client_secret", secret.expose_secret());
                request
            }
        };
        Ok(request.body(form.finish()).build()?)
    }
}

impl Recipe for ClientSecret {
    type Content = SecretText;
    type Product = SecretString;

    fn name(&self) -> &str {
        "oauth2 client secret"
    }

    fn is_fixed(&self) -> bool {
        self.0.file().is_none()
    }

    fn read(&self) -> Result<SecretText, String> {
        self.0.now().map(SecretText).map_err(|error| error.to_string())
    }

    fn make(&self, content: &SecretText) -> Result<SecretString, String> {
        Ok(content.0.clone())
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Asking for a token changes nothing, so whether the request arrived does not matter.
fn unanswered(error: CallError) -> CallError {
    let (trouble, what) = match &error {
        CallError::Untrusted { why } => {
            (Trouble::Untrusted, format!("the token endpoint's certificate is not trusted: {why}"))
        }
        CallError::Refused { why } => (
            Trouble::Unauthorized,
            format!(
                "the token endpoint does not accept our client certificate, or wants one: {why}"
            ),
        ),
        CallError::NotSent { why } => {
            (Trouble::Unreachable, format!("the token endpoint could not be reached: {why}"))
        }
        CallError::Unknown { why } => {
            (Trouble::Unreachable, format!("the token endpoint did not answer: {why}"))
        }
        CallError::NoToken { .. } | CallError::Blocked | CallError::Malformed { .. } => {
            (Trouble::Unreachable, error.to_string())
        }
    };
    CallError::NoToken { why: what, trouble, pause: None }
}

fn refused(answer: &Answer) -> CallError {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let pause = answer.retry_after();
    let trouble = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Trouble::Throttled,
        StatusCode::SERVICE_UNAVAILABLE if pause.is_some() => Trouble::Throttled,
        StatusCode::REQUEST_TIMEOUT => Trouble::Unreachable,
        status if status.is_server_error() => Trouble::Unreachable,
        _ => Trouble::Unauthorized,
    };
    let error = serde_json::from_slice(&answer.body).map(|refusal: Refusal| refusal.error);
    let known = error.ok().filter(|error| KNOWN_ERRORS.contains(&error.as_str()));
    let known = known.map_or_else(String::new, |error| format!(" ({error})"));
    let why = format!("the token endpoint answered {}{known}", answer.status);
    CallError::NoToken { why, trouble, pause }
}

/// Something that a person has to look at.
fn no_token(why: String) -> CallError {
    CallError::NoToken { why, trouble: Trouble::Unauthorized, pause: None }
}
