//! Where HubSpot is and how we authenticate there.

use fanfare_delivery::http::{read_base_url, read_bearer, url_under};
use fanfare_process::catalogue::hubspot::{ACCESS_TOKEN, BASE_URL, UPSERT_PATH};
use fanfare_process::settings::Reader;
use reqwest::header::HeaderValue;
use url::Url;

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
        let base = read_base_url(reader, &BASE_URL);
        let authorization = read_bearer(reader, &ACCESS_TOKEN);
        let path = reader.or_default_with(&UPSERT_PATH, upsert_path);
        let (base, upsert_path) = (base?, path?);
        let contacts_path = upsert_path.strip_suffix("upsert")?;
        Some(Self {
            upsert_url: url_under(&base, &upsert_path),
            read_url: url_under(&base, &format!("{contacts_path}read")),
            archive_url: url_under(&base, &format!("{contacts_path}archive")),
            authorization: authorization?,
        })
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
