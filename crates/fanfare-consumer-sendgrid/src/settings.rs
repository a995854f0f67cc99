//! Where SendGrid is, how we authenticate there, and what its mails look like.

use fanfare_delivery::http::{Credentials, read_base_url, read_credentials, url_under};
use fanfare_process::catalogue::sendgrid::{
    ACTIVITY, API_KEY, BASE_URL, FROM_EMAIL, FROM_NAME, SANDBOX, TEMPLATE_ID,
};
use fanfare_process::settings::Reader;
use url::Url;

const SEND_PATH: &str = "/v3/mail/send";
const ACTIVITY_PATH: &str = "/v3/messages";

/// Where SendGrid is, how we authenticate there, and what its mails look like.
#[derive(Clone, Debug)]
pub struct SendGridSettings {
    pub(crate) send_url: Url,
    pub(crate) credentials: Credentials,
    pub(crate) style: MailStyle,
    /// Where mails are looked for that may have been sent before, if they are.
    pub(crate) activity_url: Option<Url>,
}

/// What all mails have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MailStyle {
    pub(crate) from_email: String,
    pub(crate) from_name: Option<String>,
    /// Without one, a plain text of our own is sent.
    pub(crate) template_id: Option<String>,
    /// SendGrid checks the mail and delivers nothing.
    pub(crate) sandbox: bool,
}

impl SendGridSettings {
    /// Reads the variables of [`catalogue::sendgrid`](fanfare_process::catalogue::sendgrid).
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let base = read_base_url(reader, &BASE_URL);
        let credentials = read_credentials(reader, Some(&API_KEY));
        let from_email = reader.required_with(&FROM_EMAIL, address);
        let from_name = reader.optional::<String>(&FROM_NAME);
        let template_id = reader.optional_with(&TEMPLATE_ID, template_id);
        let sandbox = reader.or_default::<bool>(&SANDBOX);
        let is_asked = reader.or_default::<bool>(&ACTIVITY);
        let base = base?;
        Some(Self {
            send_url: url_under(&base, SEND_PATH),
            activity_url: is_asked?.then(|| url_under(&base, ACTIVITY_PATH)),
            credentials: credentials?,
            style: MailStyle {
                from_email: from_email?,
                from_name: from_name?,
                template_id: template_id?,
                sandbox: sandbox?,
            },
        })
    }
}

/// Enough to catch a value in the wrong variable; SendGrid knows the rest.
fn address(text: &str) -> Result<String, &'static str> {
    let is_address = text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@')
    });
    if is_address && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err("is not an email address")
    }
}

/// A legacy template (a bare UUID) would be sent without any of its data filled in.
fn template_id(text: &str) -> Result<String, &'static str> {
    text.starts_with("d-").then(|| text.to_owned()).ok_or("is not the id of a dynamic template")
}
