//! Where HubSpot is and how we authenticate there.

use fanfare_process::catalogue::hubspot::{ACCESS_TOKEN, BASE_URL, UPSERT_PATH};
use fanfare_process::settings::{Reader, Setting};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Ends every version of the path; reading and archiving are its neighbours.
const UPSERT_PATH_END: &str = "/batch/upsert";

/// Where HubSpot is and how we authenticate there.
#[derive(Clone, Debug)]
pub struct HubSpotSettings {
    pub(crate) upsert_url: Url,
    pub(crate) read_url: Url,
    pub(crate) archive_url: Url,
    /// Marked sensitive, so that nothing prints it.
    pub(crate) authorization: HeaderValue,
}

impl HubSpotSettings {
    /// Reads the variables of [`catalogue::hubspot`](fanfare_process::catalogue::hubspot).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let base = reader.or_default_with(&BASE_URL, base_url);
        let token = reader.required::<SecretString>(&ACCESS_TOKEN);
        let path = reader.or_default_with(&UPSERT_PATH, upsert_path);
        let authorization = bearer(reader, &token?);
        let (base, upsert_path) = (base?, path?);
        let contacts_path = upsert_path.strip_suffix("upsert")?;
        Some(Self {
            upsert_url: under(&base, &upsert_path),
            read_url: under(&base, &format!("{contacts_path}read")),
            archive_url: under(&base, &format!("{contacts_path}archive")),
            authorization: authorization?,
        })
    }
}

/// The token travels with every call, so plain text may not leave the machine.
fn base_url(text: &str) -> Result<Url, String> {
    let url = <Url as Setting>::parse(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("is a URL with a query or a fragment".into());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("is plain http to another machine, where the token could be read on the \
                    way; use https"
            .into());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn upsert_path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.contains(['?', '#']);
    if is_path && text.ends_with(UPSERT_PATH_END) {
        Ok(text.to_owned())
    } else {
        Err(format!("is not a path that ends in {UPSERT_PATH_END}"))
    }
}

fn bearer(reader: &mut Reader<'_>, token: &SecretString) -> Option<HeaderValue> {
    let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())) else {
        reader.problem(&ACCESS_TOKEN, "holds a character that no HTTP header may hold");
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}

/// Keeps a path that the base has, as a proxy's may.
fn under(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}
