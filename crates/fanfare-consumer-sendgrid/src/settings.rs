//! Where SendGrid is, how we authenticate there, and what its mails look like.

use fanfare_process::catalogue::sendgrid::{
    API_KEY, BASE_URL, FROM_EMAIL, FROM_NAME, SANDBOX, TEMPLATE_ID,
};
use fanfare_process::settings::{Reader, Setting};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// Where SendGrid is, how we authenticate there, and what its mails look like.
#[derive(Clone, Debug)]
pub struct SendGridSettings {
    pub(crate) send_url: Url,
    /// Marked sensitive, so that nothing prints it.
    pub(crate) authorization: HeaderValue,
    pub(crate) style: MailStyle,
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
        let send_url = reader.or_default_with(&BASE_URL, send_url);
        let key = reader.required::<SecretString>(&API_KEY);
        let authorization = key.and_then(|key| bearer(reader, &key));
        let from_email = reader.required_with(&FROM_EMAIL, address);
        let from_name = reader.optional::<String>(&FROM_NAME);
        let template_id = reader.optional_with(&TEMPLATE_ID, template_id);
        let sandbox = reader.or_default::<bool>(&SANDBOX);
        Some(Self {
            send_url: send_url?,
            authorization: authorization?,
            style: MailStyle {
                from_email: from_email?,
                from_name: from_name?,
                template_id: template_id?,
                sandbox: sandbox?,
            },
        })
    }
}

/// The key travels with every call, so plain text may not leave the machine.
fn send_url(base: &str) -> Result<Url, String> {
    let mut url = <Url as Setting>::parse(base)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("is a URL with a query or a fragment".into());
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err("is plain http to another machine, where the key could be read on the way; \
                    use https"
            .into());
    }
    // A path that the base has, as a proxy's may, is kept.
    url.set_path(&format!("{}/v3/mail/send", url.path().trim_end_matches('/')));
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

fn bearer(reader: &mut Reader<'_>, key: &SecretString) -> Option<HeaderValue> {
    let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", key.expose_secret())) else {
        reader.problem(&API_KEY, "holds a character that no HTTP header may hold");
        return None;
    };
    value.set_sensitive(true);
    Some(value)
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
