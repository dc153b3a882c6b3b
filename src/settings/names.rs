//! Every name that is a setting, with its default and meaning; the names of the original that have no effect here, with
//! the reason; and the nearest known name to one that is not. `docs/SETTINGS.md` shows the first list to people, and a
//! test holds the two together.

/// Environment name, default and meaning, in the order of the document.
pub(super) const SETTINGS: &[(&str, &str, &str)] = &[
    (
        "DATABASE_URL",
        "`sqlite://rest-social-auth.db`",
        "where users and credentials are kept: `sqlite://PATH` or `postgres://…`",
    ),
    (
        "DATABASE_TIMEOUT",
        "5 s",
        "limit of one database call of the server; the request is answered 503 after it. `/readyz` answers within a second",
    ),
    (
        "DATABASE_QUEUE_TIMEOUT",
        "2 s",
        "how long a call waits for a free PostgreSQL connection before the request is answered 503",
    ),
    ("DATABASE_POOL_SIZE", "16", "connections of one node to PostgreSQL, 1 to 1000"),
    ("LISTEN", "`127.0.0.1:8000`", "IP address and port"),
    (
        "LISTEN_REUSE_PORT",
        "`false`",
        "SO_REUSEPORT: a second server of the same system user may listen on the same port, so that a successor is ready before this one stops",
    ),
    (
        "SHUTDOWN_DELAY",
        "0 s",
        "from SIGTERM until the listener closes, 300 s at most: meanwhile `/readyz` answers 503 and everything else is served",
    ),
    (
        "PUBLIC_URL",
        "required by `serve`",
        "the server's own base URL: scheme, host and port; https unless it is this machine",
    ),
    ("SECRET_KEY", "required by `serve`", "at least 32 bytes of chance; all other keys are derived from it"),
    ("SECRET_KEY_FILE", "none", "instead of SECRET_KEY: a file that holds it, not readable by everybody"),
    (
        "ALLOWED_ORIGINS",
        "none",
        "exact list of the front-ends' origins, such as `https://app.example.com`: CORS, CSRF, redirect URIs. The origin of PUBLIC_URL counts as listed",
    ),
    (
        "ALLOWED_REDIRECT_URIS",
        "none",
        "exact list of the URIs that a login may return to; the port of a loopback IP address is free. What the REST_SOCIAL settings give for PUBLIC_URL counts as listed",
    ),
    (
        "STATE_POLICY",
        "`when_present`",
        "`required`: only logins that this server began; `when_present`: a code alone is enough, but what was begun here is checked; `off`",
    ),
    ("HTTPS_PROXY", "none", "proxy of provider calls; it may stand on a private address"),
    ("HTTP_PROXY", "none", "the same for plain http, which OUTGOING_ALLOW_PRIVATE allows"),
    ("NO_PROXY", "none", "hosts that are called without the proxy"),
    ("SSL_CERT_FILE", "none", "PEM file of certificates that provider calls trust besides the system's"),
    (
        "OUTGOING_ALLOW_PRIVATE",
        "`false`",
        "lets provider calls reach private and loopback addresses, also by plain http",
    ),
    (
        "STORE_PROVIDER_TOKENS",
        "`false`",
        "keeps the tokens that providers hand out, sealed, so that `GET /api/user/social/{id}/token/` can hand a fresh one to the user's own front-end; otherwise they are dropped",
    ),
    (
        "ENCRYPTION_KEYS",
        "one derived from SECRET_KEY",
        "list of `name:key`, the key being 32 bytes in base64: the first seals what is kept of providers, all open it; `keys rotate` seals everything anew with the first",
    ),
    ("AUDIT_RETENTION", "7776000 s", "how long the audit trail keeps what happened: 90 days; `0`: until `audit prune`"),
    ("WEBHOOK_URL", "none", "where your own software is told what happens to users: see [WEBHOOKS.md](WEBHOOKS.md)"),
    (
        "WEBHOOK_SECRETS",
        "required with WEBHOOK_URL",
        "list of `whsec_` and 24 to 64 random bytes in base64: each signs every call, so that one can be replaced by another",
    ),
    (
        "WEBHOOK_EVENTS",
        "all but `user.creating`",
        "list of what is told: `user.created`, `user.signed_in`, `account.linked`, `account.unlinked`, `user.updated`, `user.deactivated`, `user.activated`, `user.deleted`; with `user.creating` your software is asked before a user is created",
    ),
    ("WEBHOOK_TIMEOUT", "5 s", "limit of one call, at most 10 s"),
    (
        "WEBHOOK_ON_FAILURE",
        "`refuse`",
        "what becomes of a sign-up when your software does not answer `user.creating` as it should: `refuse` or `allow`",
    ),
    (
        "WEBHOOK_ALLOW_PRIVATE",
        "`false`",
        "lets the name in WEBHOOK_URL stand for a private or loopback address, also by plain http; an IP address and `localhost` need no leave",
    ),
    (
        "WEBHOOK_RETENTION",
        "604800 s",
        "how long what was delivered or given up is kept: 7 days; `0`: until `webhooks prune`",
    ),
    (
        "TRUSTED_PROXIES",
        "none",
        "list of IP addresses and networks of your own proxies, whose X-Forwarded-For says where a caller is, and whose X-Request-Id is kept; of others neither is read",
    ),
    (
        "ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL",
        "`false`",
        "lets WHITELISTED_EMAILS and WHITELISTED_DOMAINS accept addresses that the provider has not verified, as the original does; the server warns of it at start",
    ),
    (
        "DENY_LISTS_ACCEPT_MISSING_EMAIL",
        "`false`",
        "lets a login without any e-mail address pass SOCIAL_AUTH_DENIED_EMAILS and SOCIAL_AUTH_DENIED_DOMAINS, as django-rest-social-auth does; the server warns of it at start. A user may keep the address from the server, by declining a scope for example, so such a login is refused otherwise",
    ),
    ("HSTS", "`false`", "sends Strict-Transport-Security with every answer"),
    ("LOG_FORMAT", "`text`", "`json` for machines"),
    ("RUST_LOG", "`info`", "what is logged: a level, or a filter such as `info,rest_social_auth=debug`"),
    ("SESSION_COOKIE_AGE", "1209600 s", "how long a session lasts"),
    ("SESSION_IDLE_TIMEOUT", "none", "seconds after which a session that nobody used ends"),
    ("FRESH_LOGIN_AGE", "900 s", "how old a login may be that deletes its user or unlinks an account; `0`: of any age"),
    (
        "LINK_NEEDS_FRESH_LOGIN",
        "`true`",
        "FRESH_LOGIN_AGE counts for linking a further account too; `false`: a stolen credential of any age links an account",
    ),
    (
        "LINK_WITHOUT_AUTHORIZATION_REQUEST",
        "`false`",
        "`true`: a login links to the user whose credential comes along, also where that user began no login here, as django-rest-social-auth does. Then a link such as `https://app.example.com/callback?code=…` links an attacker's account to the user who follows it",
    ),
    (
        "LEGACY_UIDS_UNTIL",
        "none",
        "a date such as `2027-03-01`, or an RFC 3339 time: until then an [imported account](MOVING.md#accounts-under-a-former-key) that is stored under a key of an earlier release, such as a username, is found by it. Without the setting none is",
    ),
    (
        "REST_SOCIAL_OAUTH_REDIRECT_URI",
        "`/`",
        "path on PUBLIC_URL, or on the caller's origin, that a login returns to when it names none",
    ),
    ("REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI", "none", "whole URI instead of that path"),
    (
        "REST_SOCIAL_DOMAIN_FROM_ORIGIN",
        "`true` where ALLOWED_ORIGINS has entries",
        "puts the path on the caller's `Origin`, if listed",
    ),
    ("REST_SOCIAL_LOG_AUTH_EXCEPTIONS", "`true`", "logs why a login was refused"),
    ("REST_SOCIAL_VERBOSE_ERRORS", "`false`", "adds the provider's own message to `detail`, never a secret or a URL"),
    ("REST_SOCIAL_IS_NEW", "`false`", "adds `is_new` to the answer of a login: whether it was a sign-up"),
    (
        "REST_SOCIAL_USER_FIELDS",
        "none",
        "object: fields of a user beyond the stock ones, [declared](#fields-of-your-own) by name",
    ),
    (
        "REST_SOCIAL_EDITABLE_USER_FIELDS",
        "none",
        "which of `username`, `first_name`, `last_name` and `email` a user may change by `PATCH /api/user/`",
    ),
    ("SOCIAL_AUTH_REDIRECT_IS_HTTPS", "`false`", "makes the redirect URI that is built from PUBLIC_URL https"),
    ("SOCIAL_AUTH_REQUESTS_TIMEOUT", "10 s", "limit of one provider call, at most 10 s"),
    ("SOCIAL_AUTH_URLOPEN_TIMEOUT", "10 s", "the original's other name for it"),
    ("SOCIAL_AUTH_USER_AGENT", "`rest-social-auth/VERSION`", "how provider calls introduce themselves"),
    (
        "SOCIAL_AUTH_PIPELINE",
        "the nine steps of the original",
        "steps of a login in order; dotted paths count by their last part",
    ),
    (
        "SOCIAL_AUTH_USER_FIELDS",
        "`username, email`",
        "what a new user gets from the profile when it is made; with `first_name` and `last_name` also where PROTECTED_USER_FIELDS keeps a login from writing them. A username is always made",
    ),
    (
        "SOCIAL_AUTH_USERNAME_IS_FULL_EMAIL",
        "`false`",
        "the username is made from the e-mail address, where there is one",
    ),
    ("SOCIAL_AUTH_CLEAN_USERNAMES", "`true`", "drops all but ASCII letters, digits and `@ . + _ -` from a username"),
    ("SOCIAL_AUTH_SLUGIFY_USERNAMES", "`false`", "makes a username lower case ASCII with `-` for blanks"),
    ("SOCIAL_AUTH_UUID_LENGTH", "16", "hex digits added to a username that is taken, 4 to 32"),
    (
        "SOCIAL_AUTH_EMAIL_DOMAIN_LOWERCASE",
        "`true`",
        "stores the domain of an e-mail address in lower case, as Django does; `false`: as the provider wrote it",
    ),
    (
        "SOCIAL_AUTH_FORCE_EMAIL_LOWERCASE",
        "`false`",
        "stores the whole e-mail address in lower case, not only its domain",
    ),
    (
        "SOCIAL_AUTH_WHITELISTED_EMAILS",
        "none",
        "only these addresses may sign in, and only where the provider has verified them ([which do](PROVIDERS.md#all-providers)). \
         ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL accepts the others too",
    ),
    ("SOCIAL_AUTH_WHITELISTED_DOMAINS", "none", "only addresses of these domains may sign in; the same holds"),
    (
        "SOCIAL_AUTH_DENIED_EMAILS",
        "none",
        "these addresses may not sign in, verified or not; nor may a text that is no address, nor a login without an address (DENY_LISTS_ACCEPT_MISSING_EMAIL)",
    ),
    (
        "SOCIAL_AUTH_DENIED_DOMAINS",
        "none",
        "addresses of these domains, and of those below them, may not sign in; a domain matches in both forms of its name, `müller.example` and `xn--mller-kva.example`; a login without an address is refused too",
    ),
    (
        "SOCIAL_AUTH_ALLOWED_ORGANIZATIONS",
        "none",
        "only people of these organisations or tenants may sign in, where the provider says so: [docs/PROVIDERS.md](PROVIDERS.md#organisations) tells which do, and what an organisation is called there",
    ),
    ("SOCIAL_AUTH_DENIED_ORGANIZATIONS", "none", "people of these organisations or tenants may not sign in"),
    ("SOCIAL_AUTH_ALLOWED_PROVIDERS", "all that are configured", "nobody signs in or links through another one"),
    ("SOCIAL_AUTH_DENIED_PROVIDERS", "none", "nobody signs in or links through these, though they are configured"),
    ("SOCIAL_AUTH_SIGN_UP", "`true`", "`false`: only people who have a user here may sign in; nobody new is let in"),
    (
        "SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS",
        "none",
        "providers whose verified addresses the step associate_by_email links by; all others link nobody",
    ),
    ("SOCIAL_AUTH_PROTECTED_USER_FIELDS", "none", "fields that a later login does not change"),
    ("SOCIAL_AUTH_IMMUTABLE_USER_FIELDS", "none", "fields that a later login fills only while they are empty"),
    (
        "SOCIAL_AUTH_NO_DEFAULT_PROTECTED_USER_FIELDS",
        "`false`",
        "username and e-mail follow the provider at every login too; a username that somebody has stays theirs",
    ),
    (
        "SOCIAL_AUTH_USER_FIELD_MAPPING",
        "none",
        "object: name of a detail (`username`, `email`, `fullname`, `first_name`, `last_name`, and [those of the provider](PROVIDERS.md)) to `first_name`, `last_name` or a declared field; a detail that is mapped does not fill its own",
    ),
    ("SOCIAL_AUTH_SESSION_EXPIRATION", "`false`", "a session ends when the provider's token does"),
    ("SOCIAL_AUTH_MAX_SESSION_LENGTH", "none", "most seconds of a session"),
    ("SIMPLE_JWT_ALGORITHM", "`HS256`", "`HS256`, `HS384`, `HS512`, `RS256`, `ES256` or `EdDSA`"),
    ("SIMPLE_JWT_SIGNING_KEY", "SECRET_KEY", "for `HS*` at least 32 bytes, otherwise a private key in PEM form"),
    ("SIMPLE_JWT_SIGNING_KEY_FILE", "none", "instead of it: a file that holds it, not readable by everybody"),
    ("SIMPLE_JWT_VERIFYING_KEY", "none", "the public key in PEM form, for all but `HS*`"),
    ("SIMPLE_JWT_VERIFYING_KEY_FILE", "none", "instead of it: a file that holds it"),
    ("SIMPLE_JWT_ACCESS_TOKEN_LIFETIME", "300 s", "life of an access token"),
    ("SIMPLE_JWT_REFRESH_TOKEN_LIFETIME", "86400 s", "life of a refresh token"),
    ("SIMPLE_JWT_SLIDING_TOKEN_LIFETIME", "300 s", "life of a sliding token"),
    ("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_LIFETIME", "86400 s", "how long a sliding token can be renewed"),
    ("SIMPLE_JWT_ROTATE_REFRESH_TOKENS", "`false`", "each refresh hands a new refresh token out; `init` writes `true`"),
    ("SIMPLE_JWT_BLACKLIST_AFTER_ROTATION", "`false`", "the old one ends then; `init` writes `true`"),
    ("SIMPLE_JWT_AUDIENCE", "none", "`aud` of tokens, then also required"),
    ("SIMPLE_JWT_ISSUER", "none", "`iss` of tokens, then also required"),
    ("SIMPLE_JWT_LEEWAY", "0 s", "how long after its end a token still counts"),
    ("SIMPLE_JWT_USER_ID_CLAIM", "`user_id`", "name of the claim with the user's id"),
    ("SIMPLE_JWT_TOKEN_TYPE_CLAIM", "`token_type`", "name of the claim with the token's type"),
    ("SIMPLE_JWT_JTI_CLAIM", "`jti`", "name of the claim with the token's id"),
    ("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM", "`refresh_exp`", "name of the claim that ends renewal"),
    ("SIMPLE_JWT_AUTH_HEADER_TYPES", "`Bearer`", "schemes of the `Authorization` header that carry a JWT, in any case"),
    ("REST_KNOX_TOKEN_TTL", "36000 s", "life of a knox token; `None`: it never ends"),
    ("REST_KNOX_AUTH_TOKEN_CHARACTER_LENGTH", "64", "hex digits of a knox token, 32 to 256"),
    ("REST_KNOX_TOKEN_PREFIX", "none", "at most 10 characters before them"),
    ("REST_KNOX_AUTO_REFRESH", "`false`", "use prolongs a knox token"),
    ("REST_KNOX_AUTO_REFRESH_MAX_TTL", "none", "most seconds from its making to which it is prolonged"),
    ("REST_KNOX_MIN_REFRESH_INTERVAL", "60 s", "least time between two prolongations"),
    ("REST_KNOX_AUTH_HEADER_PREFIX", "`Token`", "scheme of the `Authorization` header, in any case"),
    ("REST_KNOX_SECURE_HASH_ALGORITHM", "SHA-512", "nothing else; a path that ends in `SHA512` is fine"),
    ("REST_KNOX_TOKEN_LIMIT_PER_USER", "none", "most live knox tokens of a user: a login beyond is 403"),
    ("SIMPLE_JWT_AUTH_TOKEN_CLASSES", "all", "read, but access and sliding tokens are always accepted"),
];

/// What the settings of one provider may say of users instead of the general ones.
pub(super) const USER_RULES: [&str; 21] = [
    "PIPELINE",
    "USER_FIELDS",
    "USERNAME_IS_FULL_EMAIL",
    "CLEAN_USERNAMES",
    "SLUGIFY_USERNAMES",
    "UUID_LENGTH",
    "EMAIL_DOMAIN_LOWERCASE",
    "FORCE_EMAIL_LOWERCASE",
    "WHITELISTED_EMAILS",
    "WHITELISTED_DOMAINS",
    "DENIED_EMAILS",
    "DENIED_DOMAINS",
    "ALLOWED_ORGANIZATIONS",
    "DENIED_ORGANIZATIONS",
    "SIGN_UP",
    "PROTECTED_USER_FIELDS",
    "IMMUTABLE_USER_FIELDS",
    "NO_DEFAULT_PROTECTED_USER_FIELDS",
    "USER_FIELD_MAPPING",
    "SESSION_EXPIRATION",
    "MAX_SESSION_LENGTH",
];

/// Settings of a provider that may be given for all at once, as `SOCIAL_AUTH_<NAME>`.
pub(super) const OF_EVERY_PROVIDER: [&str; 53] = [
    "ACCESS_TOKEN_URL",
    "ACR_VALUES",
    "ALLOW_GROUPS",
    "ALLOWED_ENTITLEMENTS",
    "API_URL",
    "API_VERSION",
    "AUTH_EXTRA_ARGUMENTS",
    "AUTH_EXTRA_ARGUMENTS_OVERRIDE_ALLOWLIST",
    "AUTHORIZATION_URL",
    "CLIENT_IDS",
    "DISPLAY",
    "EMAIL_KEY",
    "EXTRA_DATA",
    "FIRST_NAME_KEY",
    "FULLNAME_KEY",
    "GET_ALL_EXTRA_DATA",
    "GROUPS_MISSING_AS_EMPTY",
    "ID_KEY",
    "ID_TOKEN_HINT",
    "ID_TOKEN_ISSUER",
    "ID_TOKEN_MAX_AGE",
    "IGNORE_DEFAULT_SCOPE",
    "JWKS_URI",
    "JWT_ALGORITHMS",
    "JWT_DECODE_OPTIONS",
    "JWT_LEEWAY",
    "KEY",
    "LAST_NAME_KEY",
    "LEGACY_ID_KEYS",
    "LOGIN_HINT",
    "MAX_AGE",
    "NONCE_LIFETIME",
    "OIDC_ENDPOINT",
    "PKCE_CODE_CHALLENGE_METHOD",
    "PKCE_CODE_VERIFIER_LENGTH",
    "PLAIN_BASIC",
    "PROFILE_EXTRA_PARAMS",
    "PROMPT",
    "REQUEST_TOKEN_EXTRA_ARGUMENTS",
    "RESOURCE",
    "REVOKE_TOKEN_URL",
    "SCOPE",
    "SECRET",
    "STATE_LIFETIME",
    "TENANT_ID",
    "TOKEN_ENDPOINT_AUTH_METHOD",
    "UI_LOCALES",
    "USE_PKCE",
    "USE_UNIQUE_USER_ID",
    "USERINFO_URL",
    "USERNAME_KEY",
    "VARIANT",
    "VERIFIED_EMAILS_ONLY",
];

/// Those that say who may enter: where one is misspelt, everybody may.
const ENTRY_RULES: [&str; 12] = [
    "WHITELISTED_EMAILS",
    "WHITELISTED_DOMAINS",
    "DENIED_EMAILS",
    "DENIED_DOMAINS",
    "ALLOWED_ORGANIZATIONS",
    "DENIED_ORGANIZATIONS",
    "ALLOWED_PROVIDERS",
    "DENIED_PROVIDERS",
    "SIGN_UP",
    "ALLOW_GROUPS",
    "ALLOWED_ENTITLEMENTS",
    "VERIFIED_EMAILS_ONLY",
];

/// Settings of the original, and others that people look for, that mean nothing here, and why.
const NO_EFFECT: [(&str, &[&str]); 17] = [
    ("there is no limiter here: limit the login routes in the proxy in front", &["RATE_LIMITS"]),
    (
        "the name, the path and the flags of the cookie are fixed",
        &[
            "SESSION_COOKIE_NAME",
            "SESSION_COOKIE_PATH",
            "SESSION_COOKIE_DOMAIN",
            "SESSION_COOKIE_SECURE",
            "SESSION_COOKIE_HTTPONLY",
            "SESSION_COOKIE_SAMESITE",
        ],
    ),
    (
        "Python classes and functions cannot run here",
        &[
            "SOCIAL_AUTH_STRATEGY",
            "SOCIAL_AUTH_STORAGE",
            "SOCIAL_AUTH_CLEAN_USERNAME_FUNCTION",
            "SOCIAL_AUTH_SLUGIFY_FUNCTION",
            "SOCIAL_AUTH_EMAIL_VALIDATION_FUNCTION",
            "SOCIAL_AUTH_AUTHENTICATION_BACKENDS",
            "SOCIAL_AUTH_DISCONNECT_PIPELINE",
            "SIMPLE_JWT_TOKEN_USER_CLASS",
            "SIMPLE_JWT_TOKEN_BACKEND_CLASS",
            "SIMPLE_JWT_USER_AUTHENTICATION_RULE",
            "SIMPLE_JWT_JSON_ENCODER",
            "SIMPLE_JWT_TOKEN_OBTAIN_SERIALIZER",
            "SIMPLE_JWT_TOKEN_REFRESH_SERIALIZER",
            "SIMPLE_JWT_TOKEN_VERIFY_SERIALIZER",
            "SIMPLE_JWT_TOKEN_BLACKLIST_SERIALIZER",
            "SIMPLE_JWT_SLIDING_TOKEN_OBTAIN_SERIALIZER",
            "SIMPLE_JWT_SLIDING_TOKEN_REFRESH_SERIALIZER",
            "REST_KNOX_USER_SERIALIZER",
            "REST_KNOX_TOKEN_MODEL",
        ],
    ),
    (
        "the front-end decides where a person goes after a login",
        &[
            "SOCIAL_AUTH_LOGIN_REDIRECT_URL",
            "SOCIAL_AUTH_LOGIN_ERROR_URL",
            "SOCIAL_AUTH_LOGIN_URL",
            "SOCIAL_AUTH_BACKEND_ERROR_URL",
            "SOCIAL_AUTH_NEW_USER_REDIRECT_URL",
            "SOCIAL_AUTH_NEW_ASSOCIATION_REDIRECT_URL",
            "SOCIAL_AUTH_DISCONNECT_REDIRECT_URL",
            "SOCIAL_AUTH_INACTIVE_USER_URL",
            "SOCIAL_AUTH_INACTIVE_USER_LOGIN",
            "SOCIAL_AUTH_SANITIZE_REDIRECTS",
            "SOCIAL_AUTH_ALLOWED_REDIRECT_HOSTS",
            "SOCIAL_AUTH_ALLOWED_REDIRECT_SCHEMES",
            "SOCIAL_AUTH_URL_NAMESPACE",
            "SOCIAL_AUTH_TRAILING_SLASH",
            "SOCIAL_AUTH_FIELDS_STORED_IN_SESSION",
        ],
    ),
    (
        "the tables are this server's own",
        &[
            "SOCIAL_AUTH_USER_MODEL",
            "SOCIAL_AUTH_UID_LENGTH",
            "SOCIAL_AUTH_NONCE_SERVER_URL_LENGTH",
            "SOCIAL_AUTH_ASSOCIATION_SERVER_URL_LENGTH",
            "SOCIAL_AUTH_ASSOCIATION_HANDLE_LENGTH",
            "SOCIAL_AUTH_EMAIL_LENGTH",
            "SOCIAL_AUTH_POSTGRES_JSONFIELD",
            "SOCIAL_AUTH_JSONFIELD_ENABLED",
            "SOCIAL_AUTH_JSONFIELD_CUSTOM",
            "SOCIAL_AUTH_ADMIN_USER_SEARCH_FIELDS",
            "SOCIAL_AUTH_ADMIN_SEARCH_FIELDS",
            "SIMPLE_JWT_USER_ID_FIELD",
        ],
    ),
    ("certificates are always verified; name your own root in SSL_CERT_FILE", &["SOCIAL_AUTH_VERIFY_SSL"]),
    ("use HTTPS_PROXY and NO_PROXY", &["SOCIAL_AUTH_PROXIES"]),
    (
        "there are no passwords here whose change could end a token; log the user out everywhere instead",
        &["SIMPLE_JWT_CHECK_REVOKE_TOKEN", "SIMPLE_JWT_REVOKE_TOKEN_CLAIM"],
    ),
    (
        "an inactive user is always refused",
        &[
            "SIMPLE_JWT_CHECK_USER_IS_ACTIVE",
            "SOCIAL_AUTH_ALLOW_INACTIVE_USERS_LOGIN",
            "SOCIAL_AUTH_ACTIVE_USERS_FILTER",
        ],
    ),
    (
        "no mail is sent from here: require_email asks for an address and leaves it unverified",
        &["SOCIAL_AUTH_FORCE_EMAIL_VALIDATION", "SOCIAL_AUTH_EMAIL_VALIDATION_URL", "SOCIAL_AUTH_PASSWORDLESS"],
    ),
    (
        "a login that waits is resumed by its flow token",
        &[
            "SOCIAL_AUTH_PARTIAL_PIPELINE_TOKEN_NAME",
            "SOCIAL_AUTH_PARTIAL_PIPELINE_EXTERNAL_RESUME_CONFIRMATION_PARAMETER",
        ],
    ),
    ("the last login is always kept", &["SIMPLE_JWT_UPDATE_LAST_LOGIN"]),
    ("credentials are read from the Authorization header", &["SIMPLE_JWT_AUTH_HEADER_NAME"]),
    ("keys come from SIMPLE_JWT_SIGNING_KEY and SIMPLE_JWT_VERIFYING_KEY", &["SIMPLE_JWT_JWK_URL"]),
    ("a login begins here, never at the provider", &["SOCIAL_AUTH_ALLOWED_ID_TOKEN_ISSUERS"]),
    ("no answer shows it", &["REST_KNOX_EXPIRY_DATETIME_FORMAT"]),
    (
        "errors are answers here, whatever this says",
        &[
            "SOCIAL_AUTH_RAISE_EXCEPTIONS",
            "SOCIAL_AUTH_PROCESS_EXCEPTIONS",
            "SOCIAL_AUTH_REVOKE_TOKENS_ON_DISCONNECT",
            "SOCIAL_AUTH_ERROR_TRANSPORT",
            "SOCIAL_AUTH_ERROR_PARAM_NAME",
            "SOCIAL_AUTH_BACKEND_PARAM_NAME",
        ],
    ),
];

pub(super) fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|(known, _, _)| *known == name)
}

/// Why a setting of the original means nothing here.
pub(super) fn no_effect(name: &str) -> Option<&'static str> {
    NO_EFFECT.iter().find(|(_, names)| names.contains(&name)).map(|(reason, _)| *reason)
}

/// Whether a setting, with or without its prefix, says who may enter.
pub(super) fn says_who_may_enter(name: &str) -> bool {
    ENTRY_RULES.contains(&name.strip_prefix("SOCIAL_AUTH_").unwrap_or(name))
}

/// The known name that is most like `name`, if any is alike enough to be meant. A prefix in common says nothing of that.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| {
        let shared = PREFIXES.iter().find(|prefix| name.starts_with(**prefix) && candidate.starts_with(**prefix));
        let shared = shared.map_or(0, |prefix| prefix.len());
        strsim::normalized_damerau_levenshtein(&name[shared..], &candidate[shared..])
    };
    known
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

const PREFIXES: [&str; 4] = ["SOCIAL_AUTH_", "SIMPLE_JWT_", "REST_KNOX_", "REST_SOCIAL_"];

/// The known name that `name` is one slip away from, two where it is long. Most names of an environment are somebody else's.
pub(super) fn slip<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = match name.len() {
        0..6 => return None,
        6..12 => 1,
        _ => 2,
    };
    known
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= most)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(slips, _)| *slips <= most)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// What to add to the complaint about an unknown name.
pub(super) fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_stands_in_the_document_with_its_default_and_meaning() {
        let document = include_str!("../../docs/SETTINGS.md");
        for (name, default, meaning) in SETTINGS {
            let row = format!("| `{name}` | {default} | {meaning} |");
            assert!(document.contains(&row), "docs/SETTINGS.md lacks: {row}");
        }
        for (reason, names) in NO_EFFECT {
            for name in names {
                assert!(document.contains(&format!("`{name}`")), "docs/SETTINGS.md lacks {name}");
            }
            assert!(document.contains(reason), "docs/SETTINGS.md lacks the reason: {reason}");
        }
        for name in OF_EVERY_PROVIDER {
            assert!(document.contains(&format!("`{name}`")), "docs/SETTINGS.md lacks {name} of providers");
        }
    }

    #[test]
    fn user_rules_are_settings_too() {
        for name in USER_RULES {
            assert!(is_setting(&format!("SOCIAL_AUTH_{name}")), "{name}");
        }
    }

    #[test]
    fn a_slip_finds_its_name_and_nonsense_none() {
        let known = || SETTINGS.iter().map(|(name, _, _)| *name);
        assert_eq!(nearest("ALLOWED_ORIGIN", known()), Some("ALLOWED_ORIGINS"));
        assert_eq!(nearest("STATE_POLCIY", known()), Some("STATE_POLICY"));
        assert_eq!(nearest("SIMPLE_JWT_ALGORITM", known()), Some("SIMPLE_JWT_ALGORITHM"));
        for far_off in ["XYZZY", "SIMPLE_JWT_ROTAT", "REST_KNOX_COLOUR"] {
            assert_eq!(nearest(far_off, known()), None, "{far_off}");
        }
    }

    #[test]
    fn what_others_keep_in_the_environment_is_no_slip() {
        let known = || SETTINGS.iter().map(|(name, _, _)| *name);
        assert_eq!(slip("STATE_POLCY", known()), Some("STATE_POLICY"));
        assert_eq!(slip("TRUSTED_PROXYS", known()), Some("TRUSTED_PROXIES"));
        for others in ["HOST", "FTP_PROXY", "ALL_PROXY", "SSL_CERT_DIR", "LISTEN_FDS", "LOG_LEVEL", "SECRET_TOKEN"] {
            assert_eq!(slip(others, known()), None, "{others}");
        }
    }

    #[test]
    fn what_says_who_may_enter_is_a_setting() {
        for name in ENTRY_RULES {
            let known = is_setting(&format!("SOCIAL_AUTH_{name}")) || OF_EVERY_PROVIDER.contains(&name);
            assert!(known && says_who_may_enter(name), "{name}");
        }
    }
}
