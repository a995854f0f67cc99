//! How a consumer authenticates at its API.

use crate::settings::{Group, Variable};

/// Read by every consumer that leaves the choice to its operator.
pub const GROUP: Group = Group {
    title: "Credentials (every consumer)",
    variables: &[AUTH, BEARER_TOKEN, API_KEY, API_KEY_HEADER, USER, PASSWORD],
};

/// The way.
pub const AUTH: Variable = Variable::optional(
    "FANFARE_HTTP_AUTH",
    "the API's own token, such as HUBSPOT_ACCESS_TOKEN, or none",
    "bearer",
    "none | bearer | api-key | basic: how calls are authenticated. A secret that comes from a file \
     (NAME_FILE) is read again when the file changes, without a restart.",
);

/// The token.
pub const BEARER_TOKEN: Variable = Variable::optional(
    "FANFARE_HTTP_BEARER_TOKEN",
    "there is no such token",
    "TOKEN",
    "With bearer: the token, for an API that has no variable of its own for it.",
)
.secret();

/// The key.
pub const API_KEY: Variable = Variable::optional(
    "FANFARE_HTTP_API_KEY",
    "there is no key",
    "KEY",
    "With api-key: the key, which is sent as it is.",
)
.secret();

/// The key's header.
pub const API_KEY_HEADER: Variable = Variable::with_default(
    "FANFARE_HTTP_API_KEY_HEADER",
    "X-API-Key",
    "With api-key: the header that the key is sent in.",
);

/// The user.
pub const USER: Variable = Variable::optional(
    "FANFARE_HTTP_USER",
    "there is no user",
    "fanfare",
    "With basic: the user, without a colon in it.",
);

/// The user's password.
pub const PASSWORD: Variable = Variable::optional(
    "FANFARE_HTTP_PASSWORD",
    "there is no password",
    "PASSWORD",
    "With basic: the user's password.",
)
.secret();
