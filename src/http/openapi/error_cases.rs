//! The errors of the operations: which codes may occur with which status. The document has each case once, as a shared
//! response; `error_list` combines the groups.

use std::collections::BTreeSet;

use crate::http::protocol::ADDITIONAL_INPUT_DETAIL;

/// The errors of one status.
#[derive(Clone, Copy, Debug)]
pub struct ErrorCase {
    /// The name of the shared response.
    pub name: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Every code that may occur with this status, and when. [`OWN_CODES`] stands for further codes.
    pub codes: &'static [(&'static str, &'static str)],
    /// Code and detail of an example, for a problem document with members that others do not have.
    pub example: Option<(&'static str, &'static str)>,
}

/// In place of a code: the codes of steps that the operator added.
pub const OWN_CODES: &str = "*";

/// Meanings that several cases have.
const NO_OBJECT: &str = "the body is not a JSON object";
const INVALID_FIELDS: &str = "invalid fields, each in `errors`";
const NO_TOKEN: &str = "`token` is missing (with `errors`), or the service sent its credential twice";
const NO_FORMAT: &str = "the query parameter `format` is not `json`";
const NO_SIGN_IN: &str = "sign-in with this provider is not allowed";
const NO_DATABASE: &str = "the database does not answer, or its migrations are being applied; try again in a moment";
const UNLISTED_ORIGIN: &str =
    "`Origin` is not in ALLOWED_ORIGINS, or a request with a session cookie has neither it nor `Sec-Fetch-Site`";

/// Joins constants of one case each.
macro_rules! group {
    ($($constant:ident),+) => {
        &[$($constant[0]),+]
    };
}

/// Declares each case as a constant, a slice of one, and the list of all: name of the constant, status, name of the shared
/// response, codes with their meaning, and code and detail of an example.
macro_rules! cases {
    ($($constant:ident = $status:literal $name:literal {
        $($code:tt: $meaning:expr,)+
    } $(=> $example:literal, $detail:expr)?;)+) => {
        $(pub const $constant: &[ErrorCase] = &[ErrorCase {
            name: $name,
            status: $status,
            codes: &[$(($code, $meaning)),+],
            example: [$(Some(($example, $detail)),)? None][0],
        }];)+

        /// All cases.
        pub const ALL: &[ErrorCase] = group![$($constant),+];
    };
}

cases! {
    MALFORMED = 400 "MalformedRequest" {
        "invalid_request": "the request has no valid `Host` header",
    };

    UNKNOWN_FORMAT = 404 "UnknownFormat" {
        "not_found": NO_FORMAT,
    };

    METHOD = 405 "MethodNotAllowed" {
        "method_not_allowed": "the path has other methods; `Allow` lists them",
    };

    NOT_ACCEPTABLE = 406 "NotAcceptable" {
        "not_acceptable": "the `Accept` header includes neither JSON nor problem documents",
    };

    BODY_TIMEOUT = 408 "BodyTimeout" {
        "request_timeout": "the request body did not arrive in time, by default within 30 seconds",
    };

    BODY_TOO_LARGE = 413 "BodyTooLarge" {
        "too_large": "the request body is larger than 64 KiB",
    };

    MEDIA_TYPE = 415 "UnsupportedMediaType" {
        "unsupported_media_type": "the request body is neither JSON nor a form",
    };

    TOO_MANY_CONNECTIONS = 429 "TooManyConnections" {
        "too_many_requests": "too many connections are open, from this address or in total",
    };

    INTERNAL = 500 "InternalError" {
        "internal_error": "an error of the server; its log has details under the request id",
    };

    DATABASE_UNAVAILABLE = 503 "DatabaseUnavailable" {
        "database_unavailable": NO_DATABASE,
    };

    NOT_READY = 503 "NotReady" {
        "database_unavailable": "the database does not accept writes, or its migrations are being applied",
        "shutting_down": "a graceful shutdown has begun",
    };

    SIGN_UP_UNAVAILABLE = 503 "SignUpUnavailable" {
        "database_unavailable": NO_DATABASE,
        "sign_up_unavailable": "the operator's webhook decides about new users and did not answer",
    };

    INVALID_PAGE = 400 "InvalidPage" {
        "invalid_request": "`limit` is out of range, or `cursor` is not a page of this list",
    };

    CREDENTIAL_REJECTED = 401 "CredentialRejected" {
        "not_authenticated": "the call has no credential",
        "invalid_token": "the token is unknown or expired, or its user is inactive",
        "token_not_valid": "the JWT is not valid; `messages` says why",
        "user_not_found": "the user of the credential was deleted",
        "bad_authorization_header": "the `Authorization` header is malformed, or its scheme is unknown",
    };

    CSRF_FAILED = 403 "CsrfFailed" {
        "csrf_failed": UNLISTED_ORIGIN,
    };

    FRESH_LOGIN_REQUIRED = 403 "FreshLoginRequired" {
        "fresh_login_required": "the login of this credential is older than FRESH_LOGIN_AGE; sign in again",
        "csrf_failed": UNLISTED_ORIGIN,
    };

    PROVIDER_FAILED = 502 "ProviderFailed" {
        "provider_error": "the provider refused this server, asks for a later call, or its response is invalid",
    };

    PROVIDER_TIMEOUT = 504 "ProviderTimeout" {
        "provider_timeout": "the provider did not answer in time (10 s a call, 15 s together)",
    };

    UNKNOWN_PROVIDER = 404 "UnknownProvider" {
        "unknown_provider": "no provider of this name is configured",
        "not_found": NO_FORMAT,
    };

    LOGIN_RATE_LIMITED = 429 "LoginRateLimited" {
        "too_many_requests": "a rate limit is exceeded (of the address, of the address at this provider, of the provider, or of \
                              the user who links an account); or too many logins or connections are open, from this address \
                              or in total",
    };

    ADDRESS_RATE_LIMITED = 429 "AddressRateLimited" {
        "too_many_requests": "the rate limit of the address is exceeded, or too many connections are open",
    };

    USER_RATE_LIMITED = 429 "UserRateLimited" {
        "too_many_requests": "the rate limit of the user is exceeded, or too many connections are open",
    };

    INVALID_LOGIN = 400 "InvalidLogin" {
        "invalid_request": INVALID_FIELDS,
        "invalid_json": NO_OBJECT,
        "provider_missing": "without a provider in the URL: the body names none",
        "redirect_uri_not_allowed": "the redirect URI is not in ALLOWED_REDIRECT_URIS",
        "origin_not_allowed": "the redirect URI would be built from an `Origin` that is not in ALLOWED_ORIGINS",
        "invalid_code": "the provider refused the code",
        "code_already_used": "the code was used before",
        "access_denied": "the user denied consent",
        "login_required": "with `prompt=none`: the user must sign in at the provider",
        "consent_required": "with `prompt=none`: the user must consent at the provider",
        "account_selection_required": "with `prompt=none`: the user must choose an account at the provider",
        "interaction_required": "with `prompt=none`: the user must answer a question of the provider",
        "callback_error": "the provider returned another error",
        "state_mismatch": "the state is unknown, used or missing, or belongs to another provider",
        "state_expired": "the login was begun more than ten minutes ago",
        "flow_mismatch": "the login was begun in another browser, or the `code_verifier` does not match",
    };

    LOGIN_REFUSED = 403 "LoginRefused" {
        "additional_input_required": "the login is pending, not refused: post the answers to the `fields` with the \
                                      `flow_token` to `/api/login/social/resume/`",
        "not_allowed": "by an allow list or deny list of addresses or domains, or by the provider's own rule",
        "organization_not_allowed": "by an allow list or deny list of organizations",
        "provider_not_allowed": NO_SIGN_IN,
        "sign_up_closed": "only existing users may sign in",
        "sign_up_refused": "the operator's webhook refused the new user; `detail` has its message",
        "user_inactive": "the user is inactive",
        "no_user": "the pipeline returned no user",
        "token_limit_exceeded": "the user has the maximum number of knox tokens",
        "fresh_login_required": "linking needs a newer login, unless LINK_NEEDS_FRESH_LOGIN is off",
        "link_login_required": "at resume: the answer `link` to `ask_link` needs the credential of a newer login of the \
                                existing user; the login is still pending",
        "csrf_failed": "on the session routes and at resume: the `Origin` is not in ALLOWED_ORIGINS, or a request with a \
                        session cookie has neither `Origin` nor `Sec-Fetch-Site`",
        OWN_CODES: "a step that the operator added refused with its own code",
    } => "additional_input_required", ADDITIONAL_INPUT_DETAIL;

    ACCOUNT_CONFLICT = 409 "AccountConflict" {
        "account_in_use": "the provider's account is linked to another user",
        "account_exists": "a user with this e-mail address exists; sign in as that user, then link the account",
    };

    INVALID_ANSWERS = 400 "InvalidAnswers" {
        "invalid_request": "invalid answers, each in `errors`; the login is still pending",
        "invalid_json": NO_OBJECT,
        "state_mismatch": "no pending login has this flow token",
        "state_expired": "the pending login has expired",
        "flow_mismatch": "the pending login belongs to another browser",
        "code_already_used": "the pending login was resumed before",
        "access_denied": "the user canceled the login on the page of this server",
    };

    USER_TO_LINK_MISSING = 401 "UserToLinkMissing" {
        "not_authenticated": "the provider only links accounts, and the request has no session",
    };

    USER_TO_LINK_DELETED = 401 "UserToLinkDeleted" {
        "not_authenticated": "the user to link the account to was deleted",
        "invalid_token": "the credential is an unknown or expired token",
        "token_not_valid": "the credential is a JWT that is not valid",
        "user_not_found": "the user of the credential was deleted",
        "bad_authorization_header": "the `Authorization` header is malformed or its scheme is unknown",
    };

    INVALID_LOGOUT = 400 "InvalidLogout" {
        "redirect_uri_not_allowed": "the `next` of a form is not allowed; the user is still signed in",
        "invalid_request": INVALID_FIELDS,
        "invalid_json": NO_OBJECT,
    };

    INVALID_BEGIN = 400 "InvalidBegin" {
        "invalid_request": INVALID_FIELDS,
        "invalid_json": "by POST: the body is not a JSON object",
        "redirect_uri_not_allowed": "the redirect URI is not in ALLOWED_REDIRECT_URIS",
        "origin_not_allowed": "the redirect URI would be built from an `Origin` that is not in ALLOWED_ORIGINS",
    };

    BEGIN_REFUSED = 403 "BeginRefused" {
        "provider_not_allowed": NO_SIGN_IN,
        "csrf_failed": "the `Origin` is not in ALLOWED_ORIGINS, a request with a session cookie has neither `Origin` nor \
                        `Sec-Fetch-Site`, or a page embeds `authorize` instead of linking to it",
    };

    INVALID_CALLBACK = 400 "InvalidCallback" {
        "state_mismatch": "no login of this browser has this state",
        "state_expired": "the login was begun more than ten minutes ago",
        "flow_mismatch": "the login was begun in another browser",
        "invalid_request": "the callback is invalid",
        "invalid_json": "by POST: the body is not a JSON object",
    };

    CALLBACK_REFUSED = 403 "CallbackRefused" {
        "provider_not_allowed": NO_SIGN_IN,
    };

    INVALID_SWAP = 400 "InvalidSwap" {
        "invalid_code": "the code is wrong, used or older than a minute",
        "flow_mismatch": "the PKCE verifier does not match",
        "invalid_request": INVALID_FIELDS,
        "invalid_json": NO_OBJECT,
    };

    SWAP_PENDING = 403 "AdditionalInputRequired" {
        "additional_input_required": "the login is pending: post the answers to the `fields` with the `flow_token` to \
                                      `/api/login/social/resume/`",
    };

    INVALID_PENDING_CODE = 400 "InvalidPendingCode" {
        "invalid_request": "`code` is missing",
        "invalid_code": "the code is wrong or too old, or it does not belong to a pending login",
        "code_already_used": "the login was resumed before",
        "state_mismatch": "the login is not pending any more",
        "state_expired": "the pending login has expired",
        "flow_mismatch": "the pending login belongs to another browser",
    };

    NOT_FOUND = 404 "NotFound" {
        "not_found": "the user has nothing with this id, or the query parameter `format` is not `json`",
    };

    PROVIDER_TOKEN_NOT_FOUND = 404 "ProviderTokenNotFound" {
        "not_found": "the user has no account with this id, or the query parameter `format` is not `json`",
        "token_not_kept": "no provider token of the account is stored",
    };

    PROVIDER_TOKEN_ENDED = 409 "ProviderTokenEnded" {
        "token_ended": "the provider token has expired and cannot be refreshed; sign in with the account again",
    };

    INVALID_CHANGE = 400 "InvalidChange" {
        "invalid_request": "with `errors`: a field that users may not change, a value of the wrong type, or a username that \
                            another user has",
        "invalid_json": NO_OBJECT,
    };

    LAST_LOGIN_METHOD = 409 "LastLoginMethod" {
        "last_login_method": "the user could not sign in without this account",
    };

    INVALID_JWT_BODY = 400 "InvalidTokenRequest" {
        "invalid_request": INVALID_FIELDS,
        "invalid_json": NO_OBJECT,
    };

    JWT_REJECTED = 401 "TokenRejected" {
        "token_not_valid": "invalid, expired, of another type or blacklisted; `detail` says which",
        "invalid_token": "the user of the token is inactive",
        "user_not_found": "the user of the token was deleted",
    };

    INVALID_VERIFY = 400 "InvalidVerifyRequest" {
        "invalid_request": INVALID_FIELDS,
        "invalid_json": NO_OBJECT,
        "token_blacklisted": "with SIMPLE_JWT_BLACKLIST_AFTER_ROTATION: the token is blacklisted",
    };

    SERVICE_REJECTED = 401 "ServiceRejected" {
        "invalid_client": "the credential of the service is missing or wrong, or the service was removed",
    };

    INVALID_INTROSPECT = 400 "InvalidIntrospectRequest" {
        "invalid_request": NO_TOKEN,
        "invalid_json": NO_OBJECT,
    };

    INVALID_REVOKE = 400 "InvalidRevokeRequest" {
        "unsupported_token_type": "an access token that another server issued with the same key; it stays valid until it expires",
        "invalid_request": NO_TOKEN,
        "invalid_json": NO_OBJECT,
    };
}

/// Every code of this server, sorted.
pub fn codes() -> Vec<&'static str> {
    let codes = ALL.iter().flat_map(|case| case.codes).map(|(code, _)| *code).filter(|code| *code != OWN_CODES);
    codes.collect::<BTreeSet<_>>().into_iter().collect()
}

/// `/healthz`.
pub const LIVENESS: &[ErrorCase] = group![MALFORMED, METHOD, INTERNAL];

/// Operations that do not look at `Accept`.
pub const DOCUMENT: &[ErrorCase] = group![MALFORMED, METHOD, INTERNAL, TOO_MANY_CONNECTIONS, DATABASE_UNAVAILABLE];

/// `/readyz`.
pub const READY: &[ErrorCase] = group![MALFORMED, METHOD, INTERNAL, TOO_MANY_CONNECTIONS, NOT_READY];

/// Every operation below `/api/`. The groups after it in a list replace its cases.
pub const ANY: &[ErrorCase] =
    group![MALFORMED, METHOD, INTERNAL, TOO_MANY_CONNECTIONS, DATABASE_UNAVAILABLE, UNKNOWN_FORMAT, NOT_ACCEPTABLE];

/// Operations that read a body.
pub const BODY: &[ErrorCase] = group![BODY_TIMEOUT, BODY_TOO_LARGE, MEDIA_TYPE];

/// Calls to a provider outside of a login.
pub const PROVIDER_CALL: &[ErrorCase] = group![PROVIDER_FAILED, PROVIDER_TIMEOUT];

/// Login routes and begin.
pub const PROVIDER: &[ErrorCase] = group![UNKNOWN_PROVIDER, PROVIDER_FAILED, PROVIDER_TIMEOUT];

/// Login routes.
pub const LOGIN: &[ErrorCase] = group![LOGIN_RATE_LIMITED, INVALID_LOGIN, LOGIN_REFUSED];

/// Resuming a pending login.
pub const RESUME: &[ErrorCase] =
    group![LOGIN_RATE_LIMITED, INVALID_ANSWERS, USER_TO_LINK_DELETED, UNKNOWN_PROVIDER, LOGIN_REFUSED];

/// Begin and authorize.
pub const BEGIN: &[ErrorCase] = group![LOGIN_RATE_LIMITED, INVALID_BEGIN, BEGIN_REFUSED];

/// The provider's callback to this server, where the state is invalid; other errors are sent to `next`.
pub const CALLBACK: &[ErrorCase] = group![LOGIN_RATE_LIMITED, INVALID_CALLBACK, CALLBACK_REFUSED, UNKNOWN_PROVIDER];

/// The exchange of a one-time code.
pub const SWAP: &[ErrorCase] = group![INVALID_SWAP, SWAP_PENDING];

/// A provider token.
pub const PROVIDER_TOKEN: &[ErrorCase] = group![PROVIDER_TOKEN_NOT_FOUND, PROVIDER_TOKEN_ENDED];

/// Operations with a JWT in the body.
pub const JWT: &[ErrorCase] = group![INVALID_JWT_BODY, JWT_REJECTED];

/// Verify, instead of [`JWT`]: a blacklisted token has its own code.
pub const VERIFY: &[ErrorCase] = group![INVALID_VERIFY, JWT_REJECTED];
