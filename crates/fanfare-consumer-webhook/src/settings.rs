//! Where the receiver is, what signs the webhooks, and what they look like.

use std::fmt;

use fanfare_delivery::http::{Credentials, Networks, Rotating, read_credentials, read_url};
use fanfare_process::catalogue::webhook::{ALLOW_NETWORKS, BODY, SECRET, URL};
use fanfare_process::settings::Reader;
use url::Url;

use crate::body::BodyForm;
use crate::signing::Signer;

/// Where the receiver is, what signs the webhooks, and what they look like.
pub struct WebhookSettings {
    pub(crate) url: Url,
    /// Follows the file that its secrets came from.
    pub(crate) signer: Rotating<Signer>,
    /// What a receiver asks for besides the signature.
    pub(crate) credentials: Credentials,
    /// What may be called although it is not public.
    pub(crate) allowed: Networks,
    pub(crate) body: BodyForm,
}

impl WebhookSettings {
    /// Reads the variables of [`catalogue::webhook`](fanfare_process::catalogue::webhook).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = read_url(reader, &URL);
        let signer = Rotating::<Signer>::required(reader, &SECRET);
        let credentials = read_credentials(reader, None);
        let allowed = reader.optional::<Networks>(&ALLOW_NETWORKS);
        let body = reader.choice(
            &BODY,
            &[("cloudevents", BodyForm::CloudEvents), ("standard", BodyForm::Standard)],
        );
        Some(Self {
            url: url?,
            signer: signer?,
            credentials: credentials?,
            allowed: allowed?.unwrap_or_default(),
            body: body?,
        })
    }
}

/// Without the URL: many receivers put a token into its path or query.
impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSettings")
            .field("host", &self.url.host_str())
            .field("signer", &self.signer)
            .field("credentials", &self.credentials)
            .field("allowed", &self.allowed)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
