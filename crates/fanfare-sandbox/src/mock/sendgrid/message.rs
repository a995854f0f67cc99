//! A mail as `mail/send` takes it; what the mock does not look at is ignored.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) personalizations: Vec<Personalization>,
    pub(super) from: Option<Address>,
    pub(super) reply_to: Option<Address>,
    pub(super) subject: Option<String>,
    #[serde(default)]
    pub(super) content: Vec<Content>,
    pub(super) template_id: Option<String>,
    #[serde(default)]
    pub(super) categories: Vec<String>,
    /// The specification calls it a string; the real API takes an object of strings.
    #[serde(default)]
    pub(super) custom_args: BTreeMap<String, String>,
    #[serde(default)]
    mail_settings: MailSettings,
}

#[derive(Debug, Deserialize)]
pub(super) struct Personalization {
    #[serde(default)]
    pub(super) to: Vec<Address>,
    #[serde(default)]
    pub(super) cc: Vec<Address>,
    #[serde(default)]
    pub(super) bcc: Vec<Address>,
    pub(super) subject: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Address {
    #[serde(default)]
    pub(super) email: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Content {
    #[serde(default, rename = "type")]
    pub(super) media_type: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Default, Deserialize)]
struct MailSettings {
    #[serde(default)]
    sandbox_mode: Switch,
}

#[derive(Debug, Default, Deserialize)]
struct Switch {
    #[serde(default)]
    enable: bool,
}

impl Message {
    /// Whether it is only to be validated, not sent.
    pub(super) fn is_sandboxed(&self) -> bool {
        self.mail_settings.sandbox_mode.enable
    }
}
