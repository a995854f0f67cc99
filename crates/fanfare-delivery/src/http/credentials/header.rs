//! Secrets that travel in a header as they are: bearer tokens, API keys, passwords.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fanfare_process::settings::Secret;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::Presented;
use crate::http::watched::Recipe;

/// How a secret becomes a header.
#[derive(Debug)]
pub(super) struct HeaderRecipe {
    pub(super) scheme: Scheme,
    pub(super) name: HeaderName,
    pub(super) secret: Secret,
}

/// How the header's value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    ApiKey,
    Basic { user: String },
}

/// A text that does not show itself and can be compared.
pub(in crate::http) struct SecretText(pub(in crate::http) SecretString);

impl Scheme {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::ApiKey => "api-key",
            Self::Basic { .. } => "basic",
        }
    }

    fn value(&self, secret: &str) -> Result<HeaderValue, String> {
        let text = match self {
            Self::Bearer => format!("Bearer {secret}"),
            Self::ApiKey => secret.to_owned(),
            Self::Basic { user } => basic(user, secret)?,
        };
        sensitive(&text)
    }
}

impl Recipe for HeaderRecipe {
    type Content = SecretText;
    type Product = Presented;

    fn name(&self) -> &str {
        self.scheme.as_str()
    }

    fn is_fixed(&self) -> bool {
        self.secret.file().is_none()
    }

    fn read(&self) -> Result<SecretText, String> {
        self.secret.now().map(SecretText).map_err(|error| error.to_string())
    }

    fn make(&self, content: &SecretText) -> Result<Presented, String> {
        let value = self.scheme.value(content.0.expose_secret())?;
        Ok(Presented { name: self.name.clone(), value })
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

/// The value of `Authorization: Basic`.
pub(super) fn basic(user: &str, password: &str) -> Result<String, String> {
    if user.contains(':') {
        return Err("belongs to a user with a colon, which Basic cannot express".into());
    }
    Ok(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
}

/// A value that nothing prints.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| "holds a character that no HTTP header may hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}
