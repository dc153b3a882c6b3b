//! The errors of the operations, in groups that `error_list` combines: which codes may occur
//! with which status.

use super::errors::ErrorCase;

const INVALID_FIELDS: &str = "The request has invalid fields.";
const DATABASE_UNAVAILABLE: &str = "The database does not answer. Try again in a moment.";

/// `description`: every code of this status with its meaning. `code` and `detail`: the example.
const fn case(status: u16, description: &'static str, code: &'static str, detail: &'static str) -> ErrorCase {
    ErrorCase { status, description, code, detail }
}

/// Every operation below `/api/`.
pub const ANY: &[ErrorCase] = &[case(
    406,
    "`not_acceptable`: the `Accept` header includes neither JSON nor problem documents.",
    "not_acceptable",
    "Responses are application/json. Send an Accept header that includes it.",
)];

/// Lists that have pages.
pub const PAGE: &[ErrorCase] = &[case(
    400,
    "`invalid_request`: `limit` is out of range, or `cursor` is not a page of this list.",
    "invalid_request",
    INVALID_FIELDS,
)];

/// Operations that refuse no request of their own method.
pub const METHOD: &[ErrorCase] = &[case(
    405,
    "`method_not_allowed`: the path has other methods; `Allow` lists them.",
    "method_not_allowed",
    "Method not allowed; see the Allow header.",
)];

/// Operations that use the database.
pub const STORE: &[ErrorCase] =
    &[case(503, "`database_unavailable`: try again in a moment.", "database_unavailable", DATABASE_UNAVAILABLE)];

/// `/readyz`, instead of [`STORE`].
pub const READY: &[ErrorCase] = &[case(
    503,
    "`database_unavailable`: try again in a moment. `shutting_down`: a graceful shutdown has begun.",
    "database_unavailable",
    DATABASE_UNAVAILABLE,
)];

/// Operations that may create a user, instead of [`STORE`].
pub const SIGN_UP: &[ErrorCase] = &[case(
    503,
    "`database_unavailable`: try again in a moment. `sign_up_unavailable`: the operator's webhook decides about new users \
     and did not answer.",
    "database_unavailable",
    DATABASE_UNAVAILABLE,
)];

/// Operations that read a body.
pub const BODY: &[ErrorCase] = &[
    case(
        408,
        "`request_timeout`: the request body did not arrive in time, by default within 30 seconds.",
        "request_timeout",
        "The request body did not arrive in time.",
    ),
    case(
        413,
        "`too_large`: the request body is larger than 64 KiB.",
        "too_large",
        "The request body is larger than 64 KiB.",
    ),
    case(
        415,
        "`unsupported_media_type`: the request body is neither JSON nor a form.",
        "unsupported_media_type",
        "Send application/json, application/x-www-form-urlencoded or multipart/form-data.",
    ),
];

/// Operations that accept a credential.
pub const CREDENTIAL: &[ErrorCase] = &[case(
    401,
    "The credential: `not_authenticated` (there is none), `invalid_token` (also that of an inactive user), \
     `token_not_valid` (a JWT, with `messages`), `user_not_found`, `bad_authorization_header`.",
    "invalid_token",
    "Invalid token.",
)];

/// Operations that a session cookie may authenticate only from a listed origin.
pub const CSRF: &[ErrorCase] = &[case(
    403,
    "`csrf_failed`: the `Origin` is not in ALLOWED_ORIGINS, or a request with a session cookie has neither `Origin` nor \
     `Sec-Fetch-Site`.",
    "csrf_failed",
    "The Origin is not in ALLOWED_ORIGINS.",
)];

/// [`CSRF`] for operations that also need a fresh login.
pub const FRESH: &[ErrorCase] = &[case(
    403,
    "`fresh_login_required`: the login of this credential is older than FRESH_LOGIN_AGE; sign in again. `csrf_failed`: \
     the `Origin` is not in ALLOWED_ORIGINS, or a request with a session cookie has neither `Origin` nor \
     `Sec-Fetch-Site`.",
    "fresh_login_required",
    "Your login is too old for this: sign in again, then repeat it.",
)];

const PROVIDER_ERROR: ErrorCase = case(
    502,
    "`provider_error`: the provider refused this server, or its response is invalid.",
    "provider_error",
    "The provider's answer cannot be used.",
);

const PROVIDER_TIMEOUT: ErrorCase = case(
    504,
    "`provider_timeout`: the provider did not answer in time (10 s a call, 15 s together).",
    "provider_timeout",
    "The provider did not answer in time.",
);

/// Calls to a provider outside of a login.
pub const PROVIDER_CALL: &[ErrorCase] = &[PROVIDER_ERROR, PROVIDER_TIMEOUT];

const UNKNOWN_PROVIDER: ErrorCase = case(
    404,
    "`unknown_provider`: no provider of this name is configured.",
    "unknown_provider",
    "No provider of this name is configured.",
);

/// Login routes and begin.
pub const PROVIDER: &[ErrorCase] = &[UNKNOWN_PROVIDER, PROVIDER_ERROR, PROVIDER_TIMEOUT];

const RATE_LIMITED: &str = "Too many requests from this address. Try again in 3 seconds.";

/// Operations that start or complete a login.
const TOO_MANY: ErrorCase = case(
    429,
    "`too_many_requests`: a rate limit is exceeded (of the address, of the address at this provider, of the provider, or of \
     the user who links an account), or too many logins are open, from this address or in total.",
    "too_many_requests",
    RATE_LIMITED,
);

/// Other operations that RATE_LIMIT_ADDRESS limits.
pub const ADDRESS_LIMIT: &[ErrorCase] =
    &[case(429, "`too_many_requests`: the rate limit of the address is exceeded.", "too_many_requests", RATE_LIMITED)];

/// Operations that RATE_LIMIT_USER limits.
pub const USER_LIMIT: &[ErrorCase] = &[case(
    429,
    "`too_many_requests`: the rate limit of the user is exceeded.",
    "too_many_requests",
    "Too many requests of this user. Try again in 1 second.",
)];

const PROVIDER_NOT_ALLOWED: &str = "Sign-in with this provider is not allowed.";
const NOT_LISTED: &str = "This account is not allowed to sign in here.";

/// Login routes.
pub const LOGIN: &[ErrorCase] = &[
    TOO_MANY,
    case(
        400,
        "The request: `invalid_request` (with `errors`), `invalid_json`, `provider_missing`, `redirect_uri_not_allowed`, \
         `origin_not_allowed`. Or the login: `invalid_code`, `code_already_used`, `access_denied` (the user denied \
         consent), `login_required`, `consent_required`, `account_selection_required`, `interaction_required` (the user \
         must act at the provider, and the login had `prompt=none`), `callback_error` (the provider returned another \
         error), `state_mismatch`, `state_expired`, \
         `flow_mismatch` (the login was begun in another browser).",
        "invalid_request",
        INVALID_FIELDS,
    ),
    case(
        403,
        "`not_allowed` (an allow list or deny list of addresses or domains, or the provider's own rule), \
         `organization_not_allowed`, `provider_not_allowed`, `sign_up_closed` (only existing users may sign in), \
         `sign_up_refused` (the operator's webhook refused the new user; `detail` has its message), `user_inactive`, \
         `no_user` (the pipeline returned no user), `token_limit_exceeded` (the user has the maximum number of knox \
         tokens), `fresh_login_required` (linking needs a newer login, unless LINK_NEEDS_FRESH_LOGIN is off), or the code \
         of a step that the operator added. On the session routes also `csrf_failed`.",
        "not_allowed",
        NOT_LISTED,
    ),
];

/// Operations that may link an account.
pub const ACCOUNTS: &[ErrorCase] = &[case(
    409,
    "`account_in_use`: the provider's account is linked to another user. `account_exists`: a user with this e-mail \
     address exists; sign in as that user, then link the account.",
    "account_in_use",
    "This account is linked to another user already.",
)];

/// Logging out by a form.
pub const LOGOUT: &[ErrorCase] = &[case(
    400,
    "`redirect_uri_not_allowed`: the `next` of a form is not allowed; the user is still signed in.",
    "redirect_uri_not_allowed",
    "The next is not in ALLOWED_REDIRECT_URIS, and its origin is not in ALLOWED_NEXT_ORIGINS.",
)];

/// Resuming a pending login.
pub const RESUME: &[ErrorCase] = &[
    TOO_MANY,
    case(
        400,
        "`invalid_request` (with `errors`: invalid answers; the login is still pending), `invalid_json`. \
         `state_mismatch`: no pending login has this flow token. `state_expired`: the pending login has expired. \
         `flow_mismatch`: it belongs to another browser. `code_already_used`: it was resumed before.",
        "invalid_request",
        INVALID_FIELDS,
    ),
    case(
        401,
        "`not_authenticated`: the user to link the account to was deleted. Or the credential is invalid: `invalid_token`, \
         `token_not_valid`, `user_not_found`, `bad_authorization_header`.",
        "not_authenticated",
        "The user who started this login no longer exists.",
    ),
    UNKNOWN_PROVIDER,
    case(
        403,
        "As on the login routes: `not_allowed`, `organization_not_allowed`, `provider_not_allowed`, `sign_up_closed`, \
         `sign_up_refused`, `user_inactive`, `no_user`, `token_limit_exceeded`, `fresh_login_required`, or the code of a \
         step that the operator added. `link_login_required` (the answer `link` to `ask_link` needs a credential of a \
         newer login of the existing user; the login is still pending). And `csrf_failed`: the `Origin` is not in ALLOWED_ORIGINS.",
        "not_allowed",
        NOT_LISTED,
    ),
];

/// Begin and authorize.
pub const BEGIN: &[ErrorCase] = &[
    TOO_MANY,
    case(
        400,
        "`invalid_request` (with `errors`), `invalid_json`, `redirect_uri_not_allowed`, `origin_not_allowed` (the redirect \
         URI would be built from an `Origin` that is not in ALLOWED_ORIGINS).",
        "redirect_uri_not_allowed",
        "The redirect_uri is not in ALLOWED_REDIRECT_URIS. It must match an entry exactly.",
    ),
    case(
        403,
        "`provider_not_allowed`: sign-in with this provider is not allowed. `csrf_failed`: the `Origin` is not in \
         ALLOWED_ORIGINS, or a request with a session cookie has neither `Origin` nor `Sec-Fetch-Site`, or a page embeds \
         `authorize` instead of linking to it.",
        "provider_not_allowed",
        PROVIDER_NOT_ALLOWED,
    ),
];

/// The provider's callback to this server, where the state is invalid; other errors are sent to `next`.
pub const CALLBACK: &[ErrorCase] = &[
    TOO_MANY,
    case(
        400,
        "`state_mismatch`, `state_expired`, `flow_mismatch`: this browser has no open login with this state. \
         `invalid_json`, `invalid_request`. A browser gets an error page.",
        "state_mismatch",
        "No login was started on this server with this state.",
    ),
    case(
        403,
        "`provider_not_allowed`: sign-in with this provider is not allowed.",
        "provider_not_allowed",
        PROVIDER_NOT_ALLOWED,
    ),
];

const INVALID_ONE_TIME_CODE: &str = "This code is invalid, was used already, or is older than a minute.";

/// The exchange of a one-time code.
pub const SWAP: &[ErrorCase] = &[case(
    400,
    "`invalid_code`: the code is wrong, used or older than a minute. `flow_mismatch`: the PKCE verifier does not match. \
     `invalid_request` (with `errors`), `invalid_json`.",
    "invalid_code",
    INVALID_ONE_TIME_CODE,
)];

/// The page of a pending login.
pub const QUESTION_PAGE: &[ErrorCase] = &[case(
    400,
    "`invalid_request`: `code` is missing. `invalid_code`: the code is wrong or too old, or it does not belong to a \
     pending login. `code_already_used`: the login was resumed before. `state_mismatch`, `state_expired`: it is not \
     pending any more. `flow_mismatch`: it belongs to another browser.",
    "invalid_code",
    INVALID_ONE_TIME_CODE,
)];

/// Operations with an id in the path.
pub const BY_ID: &[ErrorCase] =
    &[case(404, "`not_found`: the user has nothing with this id.", "not_found", "Not found.")];

/// A provider token.
pub const PROVIDER_TOKEN: &[ErrorCase] = &[
    case(
        404,
        "`not_found`: the user has no account with this id. `token_not_kept`: no provider token of it is stored.",
        "token_not_kept",
        "No provider token is stored. Sign in with this account again; the server must have STORE_PROVIDER_TOKENS on.",
    ),
    case(
        409,
        "`token_ended`: the provider token has expired and cannot be refreshed; sign in with the account again.",
        "token_ended",
        "The provider token has expired. Sign in with this account again.",
    ),
];

/// Changes that a user makes to their own data.
pub const CHANGE: &[ErrorCase] = &[case(
    400,
    "`invalid_request` (with `errors`): a field that users may not change, a value of the wrong type, a username that \
     another user has. `invalid_json`.",
    "invalid_request",
    INVALID_FIELDS,
)];

/// Unlinking an account.
pub const UNLINK: &[ErrorCase] = &[case(
    409,
    "`last_login_method`: the user could not sign in without this account.",
    "last_login_method",
    "This is the last account that signs you in. Link another account first.",
)];

/// Operations with a JWT in the body.
pub const JWT: &[ErrorCase] = &[
    case(400, "`invalid_request` (with `errors`), `invalid_json`.", "invalid_request", INVALID_FIELDS),
    case(
        401,
        "`token_not_valid`: invalid, expired, of another type or blacklisted; `detail` says which. `invalid_token`: its \
         user is inactive. `user_not_found`: its user was deleted.",
        "token_not_valid",
        "Token is expired",
    ),
];

/// Verify, instead of [`JWT`]: a blacklisted token has its own code.
pub const VERIFY: &[ErrorCase] = &[
    case(
        400,
        "`invalid_request` (with `errors`), `invalid_json`; `token_blacklisted` with SIMPLE_JWT_BLACKLIST_AFTER_ROTATION.",
        "token_blacklisted",
        "Token is blacklisted",
    ),
    case(
        401,
        "`token_not_valid`: invalid or expired; `detail` says which. `invalid_token`: its user is inactive. \
         `user_not_found`: its user was deleted.",
        "token_not_valid",
        "Token is invalid",
    ),
];

/// Operations that need the credential of a service.
pub const SERVICE: &[ErrorCase] = &[case(
    401,
    "`invalid_client`: the credential of the service is missing or wrong, or the service was removed.",
    "invalid_client",
    "The service's client id or secret is missing or wrong.",
)];

/// Introspection.
pub const INTROSPECT: &[ErrorCase] = &[case(
    400,
    "`invalid_request`: `token` is missing (with `errors`), or the service sent its credential twice. `invalid_json`.",
    "invalid_request",
    INVALID_FIELDS,
)];

/// Revocation by a service.
pub const REVOKE: &[ErrorCase] = &[case(
    400,
    "`unsupported_token_type`: an access token that another server issued with the same key; it stays valid until it \
     expires. `invalid_request`: `token` is missing (with `errors`), or the service sent its credential twice. \
     `invalid_json`.",
    "unsupported_token_type",
    "This access token has no token family, so it cannot be revoked. It stays valid until it expires.",
)];
