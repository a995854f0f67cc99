//! Where HubSpot is and how we authenticate there.

use std::num::NonZeroUsize;
use std::time::Duration;

use fanfare_delivery::Batching;
use fanfare_delivery::http::{Credentials, read_base_url, read_credentials, url_under};
use fanfare_process::catalogue::hubspot::{
    ACCESS_TOKEN, BASE_URL, BATCH_SIZE, BATCH_WAIT, UPSERT_PATH,
};
use fanfare_process::settings::{Reader, Setting};
use url::Url;

/// Ends every version of the path; reading and archiving are its neighbours.
const UPSERT_PATH_END: &str = "/batch/upsert";

/// The inputs that HubSpot takes in one call.
const MOST_INPUTS: NonZeroUsize = NonZeroUsize::new(100).expect("a hundred is not zero");

/// A batch that is not full by then belongs to an API that has little to do.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Where HubSpot is and how we authenticate there.
#[derive(Clone, Debug)]
pub struct HubSpotSettings {
    pub(crate) upsert_url: Url,
    pub(crate) read_url: Url,
    pub(crate) archive_url: Url,
    pub(crate) credentials: Credentials,
    /// `None` where every contact has a call of its own.
    pub(crate) batching: Option<Batching>,
}

impl HubSpotSettings {
    /// Reads the variables of [`catalogue::hubspot`](fanfare_process::catalogue::hubspot).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let base = read_base_url(reader, &BASE_URL);
        let credentials = read_credentials(reader, Some(&ACCESS_TOKEN));
        let path = reader.or_default_with(&UPSERT_PATH, upsert_path);
        let size = reader.or_default_with(&BATCH_SIZE, batch_size);
        let wait = reader.or_default_with(&BATCH_WAIT, batch_wait);
        let (base, upsert_path) = (base?, path?);
        let contacts_path = upsert_path.strip_suffix("upsert")?;
        Some(Self {
            upsert_url: url_under(&base, &upsert_path),
            read_url: url_under(&base, &format!("{contacts_path}read")),
            archive_url: url_under(&base, &format!("{contacts_path}archive")),
            credentials: credentials?,
            batching: batching(size?, wait?),
        })
    }
}

fn batch_size(text: &str) -> Result<NonZeroUsize, String> {
    let size = text.parse().ok().filter(|size| *size <= MOST_INPUTS);
    size.ok_or_else(|| format!("is not a whole number from 1 to {MOST_INPUTS}"))
}

fn batch_wait(text: &str) -> Result<Duration, String> {
    let wait = Duration::parse(text)?;
    if wait > LONGEST_WAIT {
        return Err(format!("is longer than {} s", LONGEST_WAIT.as_secs()));
    }
    Ok(wait)
}

fn batching(most: NonZeroUsize, wait: Duration) -> Option<Batching> {
    (most > NonZeroUsize::MIN).then_some(Batching { most, wait })
}

fn upsert_path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.contains(['?', '#']);
    if is_path && text.ends_with(UPSERT_PATH_END) {
        Ok(text.to_owned())
    } else {
        Err(format!("is not a path that ends in {UPSERT_PATH_END}"))
    }
}
