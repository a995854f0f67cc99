//! How a destination authenticates, as its settings say it.

use fanfare_process::catalogue::credentials::{
    API_KEY, API_KEY_HEADER, AUTH, BEARER_TOKEN, OAUTH_AUDIENCE, OAUTH_CLIENT_AUTH,
    OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, OAUTH_SCOPE, OAUTH_TOKEN_URL, PASSWORD, USER,
};
use fanfare_process::settings::{Reader, Variable};
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING,
};

use super::{ClientAuth, Credentials, CredentialsError, OAuth2Client};
use crate::http::access::read_url;

/// What `FANFARE_HTTP_AUTH` may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    None,
    Bearer,
    ApiKey,
    Basic,
    OAuth2,
}

const CHOICES: &[(&str, Auth)] = &[
    ("none", Auth::None),
    ("bearer", Auth::Bearer),
    ("api-key", Auth::ApiKey),
    ("basic", Auth::Basic),
    ("oauth2", Auth::OAuth2),
];

/// Which variables have a meaning with which choice only.
const READ_WITH: &[(Auth, &[Variable])] = &[
    (Auth::Bearer, &[BEARER_TOKEN]),
    (Auth::ApiKey, &[API_KEY, API_KEY_HEADER]),
    (Auth::Basic, &[USER, PASSWORD]),
    (
        Auth::OAuth2,
        &[
            OAUTH_TOKEN_URL,
            OAUTH_CLIENT_ID,
            OAUTH_CLIENT_SECRET,
            OAUTH_CLIENT_AUTH,
            OAUTH_SCOPE,
            OAUTH_AUDIENCE,
        ],
    ),
];

/// Headers that say where a call ends and what it holds.
const NOT_FOR_KEYS: &[HeaderName] =
    &[CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING];

/// Reads the variables of [`catalogue::credentials`](fanfare_process::catalogue::credentials).
///
/// `own_token` is the variable of an API that has one of its own for a bearer token. Such an
/// API is called with that token unless `FANFARE_HTTP_AUTH` says otherwise; any other is
/// called without credentials unless it does.
pub fn read_credentials(
    reader: &mut Reader<'_>,
    own_token: Option<&Variable>,
) -> Option<Credentials> {
    let said = reader.optional_choice(&AUTH, CHOICES)?;
    let auth = match (said, own_token) {
        (Some(auth), _) => auth,
        (None, Some(_)) => Auth::Bearer,
        (None, None) => Auth::None,
    };
    report_leftovers(reader, said);
    if let Some(own_token) = own_token
        && auth != Auth::Bearer
    {
        report_leftover(reader, own_token, Auth::Bearer);
    }
    match auth {
        Auth::None => Some(Credentials::none()),
        Auth::Bearer => read_bearer(reader, own_token.unwrap_or(&BEARER_TOKEN)),
        Auth::ApiKey => {
            let header = reader.or_default_with(&API_KEY_HEADER, header_name);
            let key = reader.required_secret(&API_KEY);
            usable(reader, &API_KEY, Credentials::api_key(header?, key?))
        }
        Auth::Basic => {
            let user = reader.required_with(&USER, user);
            let password = reader.required_secret(&PASSWORD);
            usable(reader, &PASSWORD, Credentials::basic(&user?, password?))
        }
        Auth::OAuth2 => {
            let client = read_client(reader)?;
            usable(reader, &OAUTH_CLIENT_SECRET, Credentials::oauth2(client))
        }
    }
}

fn read_bearer(reader: &mut Reader<'_>, variable: &Variable) -> Option<Credentials> {
    let token = reader.required_secret(variable)?;
    usable(reader, variable, Credentials::bearer(token))
}

fn read_client(reader: &mut Reader<'_>) -> Option<OAuth2Client> {
    let token_url = read_url(reader, &OAUTH_TOKEN_URL);
    let id = reader.required::<String>(&OAUTH_CLIENT_ID);
    let secret = reader.required_secret(&OAUTH_CLIENT_SECRET);
    let auth = reader
        .choice(&OAUTH_CLIENT_AUTH, &[("basic", ClientAuth::Basic), ("form", ClientAuth::Form)]);
    let scope = reader.optional::<String>(&OAUTH_SCOPE);
    let audience = reader.optional::<String>(&OAUTH_AUDIENCE);
    Some(OAuth2Client {
        token_url: token_url?,
        id: id?,
        secret: secret?,
        auth: auth?,
        scope: scope?,
        audience: audience?,
    })
}

fn usable(
    reader: &mut Reader<'_>,
    variable: &Variable,
    credentials: Result<Credentials, CredentialsError>,
) -> Option<Credentials> {
    credentials.map_err(|error| reader.problem(variable, error)).ok()
}

/// A secret that somebody set and nobody reads is a mistake that would be noticed late.
fn report_leftovers(reader: &mut Reader<'_>, said: Option<Auth>) {
    for (auth, variables) in READ_WITH {
        if said != Some(*auth) {
            for variable in *variables {
                report_leftover(reader, variable, *auth);
            }
        }
    }
}

fn report_leftover(reader: &mut Reader<'_>, variable: &Variable, read_with: Auth) {
    let name = CHOICES.iter().find(|(_, auth)| *auth == read_with).map_or("", |(name, _)| name);
    if reader.is_set(variable) {
        reader.problem(variable, format_args!("is set, but only {}={name} reads it", AUTH.name));
    }
}

fn header_name(text: &str) -> Result<HeaderName, &'static str> {
    match text.parse::<HeaderName>() {
        Ok(name) if NOT_FOR_KEYS.contains(&name) => Err("is a header that has another meaning"),
        Ok(name) => Ok(name),
        Err(_) => Err("is not the name of a header"),
    }
}

fn user(text: &str) -> Result<String, &'static str> {
    if text.contains(':') {
        Err("holds a colon, where Basic ends the user")
    } else {
        Ok(text.into())
    }
}
