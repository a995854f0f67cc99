//! Secrets and personal data that must be seen nowhere.

use crate::load::PAYLOAD_CANARY;

/// A token of HubSpot's.
pub const HUBSPOT_TOKEN: &str = "canary-of-hubspot-4c1d";
/// A key of SendGrid's.
pub const SENDGRID_KEY: &str = "SG.canary-of-sendgrid-77ab";
/// A signing secret: whoever has it may sign webhooks.
pub const WEBHOOK_SECRET: &str = "whsec_Y2FuYXJ5LW9mLXRoZS13ZWJob29rLTMxNDE1OTI2";
/// A path that stands for a token in a URL.
pub const WEBHOOK_PATH: &str = "canary-in-the-path-5e0f";

/// What no log, metric or listing may contain, with what it is.
pub fn canaries(redis_password: &'static str) -> [(&'static str, &'static str); 6] {
    [
        (HUBSPOT_TOKEN, "HubSpot's token"),
        (SENDGRID_KEY, "SendGrid's key"),
        (WEBHOOK_SECRET, "the webhook's secret"),
        (WEBHOOK_PATH, "the path of the webhook's URL"),
        (redis_password, "the password of the Redis"),
        (PAYLOAD_CANARY, "a name from an event's data"),
    ]
}
