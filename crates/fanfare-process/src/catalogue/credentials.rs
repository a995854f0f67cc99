//! How a consumer authenticates at its API.

use crate::settings::{Group, Variable};

/// Read by every consumer that leaves the choice to its operator.
pub const GROUP: Group = Group {
    title: "Credentials (every consumer)",
    variables: &[
        AUTH,
        BEARER_TOKEN,
        API_KEY,
        API_KEY_HEADER,
        USER,
        PASSWORD,
        OAUTH_TOKEN_URL,
        OAUTH_CLIENT_ID,
        OAUTH_CLIENT_SECRET,
        OAUTH_CLIENT_AUTH,
        OAUTH_SCOPE,
        OAUTH_AUDIENCE,
    ],
};

/// The way.
pub const AUTH: Variable = Variable::optional(
    "FANFARE_HTTP_AUTH",
    "the API's own token, such as HUBSPOT_ACCESS_TOKEN, or none",
    "bearer",
    "none | bearer | api-key | basic | oauth2: how calls are authenticated. A secret that comes \
     from a file (NAME_FILE) is read again when the file changes, without a restart.",
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

/// Where access tokens come from.
pub const OAUTH_TOKEN_URL: Variable = Variable::optional(
    "FANFARE_OAUTH_TOKEN_URL",
    "there is no token endpoint",
    "https://login.example/oauth2/token",
    "With oauth2: the endpoint that gives access tokens for client credentials (RFC 6749, 4.4). A \
     token is renewed before it expires, and once when the API refuses it.",
);

/// Who asks for them.
pub const OAUTH_CLIENT_ID: Variable = Variable::optional(
    "FANFARE_OAUTH_CLIENT_ID",
    "there is no client",
    "fanfare",
    "With oauth2: the client's id.",
);

/// The client's secret.
pub const OAUTH_CLIENT_SECRET: Variable = Variable::optional(
    "FANFARE_OAUTH_CLIENT_SECRET",
    "there is no client",
    "SECRET",
    "With oauth2: the client's secret.",
)
.secret();

/// How it authenticates.
pub const OAUTH_CLIENT_AUTH: Variable = Variable::with_default(
    "FANFARE_OAUTH_CLIENT_AUTH",
    "basic",
    "With oauth2, basic | form: whether id and secret travel in a header, or in the body for an \
     endpoint that wants them there.",
);

/// What the tokens are good for.
pub const OAUTH_SCOPE: Variable = Variable::optional(
    "FANFARE_OAUTH_SCOPE",
    "the endpoint decides",
    "contacts.read contacts.write",
    "With oauth2: the scopes to ask for, separated by spaces.",
);

/// Which API they are for.
pub const OAUTH_AUDIENCE: Variable = Variable::optional(
    "FANFARE_OAUTH_AUDIENCE",
    "the endpoint is not told",
    "https://api.example",
    "With oauth2: the API that the tokens are for, where the endpoint wants to know.",
);
