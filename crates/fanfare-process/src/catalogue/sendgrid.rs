//! How SendGrid is reached and what its mails say.

use crate::settings::{Group, Variable};

/// Read by `fanfare-consumer-sendgrid`.
pub const GROUP: Group = Group {
    title: "SendGrid",
    variables: &[BASE_URL, API_KEY, FROM_EMAIL, FROM_NAME, TEMPLATE_ID, SANDBOX, ACTIVITY],
};

/// The API's address.
pub const BASE_URL: Variable = Variable::with_default(
    "SENDGRID_BASE_URL",
    "https://api.sendgrid.com",
    "Address of the API; https://api.eu.sendgrid.com for an account in the EU, another one for a \
     mock.",
);

/// The key.
pub const API_KEY: Variable = Variable::required(
    "SENDGRID_API_KEY",
    "SG.…",
    "API key with the permission Mail Send and no other. Left out where FANFARE_HTTP_AUTH names \
     another way.",
)
.secret();

/// The sender's address.
pub const FROM_EMAIL: Variable = Variable::required(
    "SENDGRID_FROM_EMAIL",
    "hello@example.com",
    "Sender of the mails; SendGrid refuses an address that is not a verified sender.",
);

/// The sender's name.
pub const FROM_NAME: Variable = Variable::optional(
    "SENDGRID_FROM_NAME",
    "the address alone is shown",
    "Example Inc",
    "Name that is shown for the sender.",
);

/// The template.
pub const TEMPLATE_ID: Variable = Variable::optional(
    "SENDGRID_TEMPLATE_ID",
    "a plain built-in text is sent",
    "d-0123456789abcdef0123456789abcdef",
    "Dynamic template of the mail; the event's data are its template data.",
);

/// Whether mails are only checked.
pub const SANDBOX: Variable = Variable::with_default(
    "SENDGRID_SANDBOX",
    "false",
    "Whether SendGrid only checks the mails and delivers none.",
);

/// Whether earlier mails are asked about.
pub const ACTIVITY: Variable = Variable::with_default(
    "SENDGRID_ACTIVITY",
    "false",
    "Whether SendGrid's Email Activity is asked before a mail is sent again that may have been \
     sent already. It is a paid addition to an account, the key needs its permission, and it \
     answers six questions a minute; a mail that it does not know (yet) is sent.",
);
