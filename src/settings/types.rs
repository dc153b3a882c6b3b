//! Settings as types: the rules of each group. [`super::Settings`] contains them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::clock::UnixMillis;
use crate::model::{Domain, EmailAddress, EventType, UserFields};
use crate::secrets::{SecretString, SharedKey};

/// An error in the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    /// The setting as the operator wrote it: `STATE_POLICY` in the environment, `state_policy` in the file.
    pub name: String,
    /// What is wrong and what to do. It does not contain the value of a secret.
    pub problem: String,
    /// Whether the same setting may work later, such as the URL of a database that is locked.
    pub is_temporary: bool,
}

impl SettingError {
    /// An error that a change of the setting corrects.
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into(), is_temporary: false }
    }
}

/// Which command the settings are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The production server. SECRET_KEY and PUBLIC_URL are required.
    #[default]
    Serve,
    /// A server for development: loopback addresses only, with the demo provider and a generated secret key.
    Dev,
}

/// DATABASE_*: limits of the server's database calls. Commands have no limits.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseLimits {
    /// DATABASE_TIMEOUT: for one call.
    pub call: Duration,
    /// DATABASE_QUEUE_TIMEOUT: for a free connection.
    pub queue: Duration,
    /// DATABASE_POOL_SIZE: connections to PostgreSQL.
    pub connections: u32,
}

/// Limits of the listener: connections (SEC-43) and their time limits (SEC-44).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionRules {
    /// MAX_CONNECTIONS.
    pub max: usize,
    /// MAX_CONNECTIONS_PER_ADDRESS. It does not apply to TRUSTED_PROXIES.
    pub max_per_address: usize,
    /// REQUEST_HEAD_TIMEOUT: for a TLS handshake, for the first byte, and for a request head.
    pub head_timeout: Duration,
    /// REQUEST_BODY_TIMEOUT.
    pub body_timeout: Duration,
    /// RESPONSE_WRITE_TIMEOUT: how long a client may read a response at less than 1 KiB/s.
    pub write_timeout: Duration,
    /// CONNECTION_IDLE_TIMEOUT: for a connection between two requests.
    pub idle_timeout: Duration,
}

/// MAX_*: the number of rows in tables that unauthenticated callers fill (SEC-44).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// MAX_AUTHORIZATION_REQUESTS.
    pub authorization_requests: i64,
    /// MAX_AUTHORIZATION_REQUESTS_PER_ADDRESS.
    pub authorization_requests_per_address: u32,
    /// MAX_USED_CODES.
    pub used_codes: i64,
    /// MAX_USED_CODES_PER_ADDRESS.
    pub used_codes_per_address: u32,
    /// MAX_PENDING_LOGINS.
    pub pending_logins: i64,
    /// MAX_ONE_TIME_CODES.
    pub one_time_codes: i64,
    /// MAX_KEPT_ROWS.
    pub kept_rows: i64,
}

/// STATE_POLICY: whether a code is accepted without a state of this server (SEC-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum StatePolicy {
    /// A state of this server is required.
    Required,
    /// A code without a state is accepted. A state is verified.
    WhenPresent,
    /// A state is not verified.
    Off,
}

/// SQLITE_SYNCHRONOUS: what a power failure may undo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SqliteSynchronous {
    /// Nothing that was answered: each commit is synced.
    #[default]
    Full,
    /// The last commits: only checkpoints are synced.
    Normal,
}

/// BACKUP_FILE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupTarget {
    /// The file that `backup` writes.
    File(PathBuf),
    /// Other software backs up the database.
    External,
}

/// LOG_FORMAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Lines of text.
    Text,
    /// One JSON object on each line.
    Json,
}

/// The redirect URI `postmessage`, which stands for Google's pop-up: no browser is redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postmessage {
    /// No setting has it.
    Refused,
    /// ALLOWED_REDIRECT_URIS lists it.
    Allowed,
    /// REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI is it: logins that send no redirect URI have this one.
    Default,
}

/// The REST_SOCIAL settings (R-URI).
#[derive(Clone, Debug)]
pub struct RestSocial {
    /// REST_SOCIAL_OAUTH_REDIRECT_URI: a path.
    pub oauth_redirect_uri: String,
    /// REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI, unless it is `postmessage`.
    pub oauth_absolute_redirect_uri: Option<String>,
    /// Whether codes of Google's pop-up are accepted.
    pub postmessage: Postmessage,
    /// REST_SOCIAL_DOMAIN_FROM_ORIGIN (SEC-8).
    pub domain_from_origin: bool,
    /// REST_SOCIAL_LOG_AUTH_EXCEPTIONS.
    pub log_auth_exceptions: bool,
    /// REST_SOCIAL_VERBOSE_ERRORS.
    pub verbose_errors: bool,
    /// SOCIAL_AUTH_REDIRECT_IS_HTTPS.
    pub redirect_is_https: bool,
    /// REST_SOCIAL_IS_NEW.
    pub is_new: bool,
    /// REST_SOCIAL_EDITABLE_USER_FIELDS: standard fields. A declared field has `editable` of its own.
    pub editable_user_fields: Vec<String>,
}

impl RestSocial {
    /// REST_SOCIAL_OAUTH_REDIRECT_URI on the server's own base URL (R-URI-03, 06).
    pub fn default_redirect_uri(&self, base_url: &Url) -> String {
        let base = base_url.origin().ascii_serialization();
        let base = match base.strip_prefix("http://") {
            Some(rest) if self.redirect_is_https => format!("https://{rest}"),
            _ => base,
        };
        format!("{base}{}", self.oauth_redirect_uri)
    }
}

/// The SOCIAL_AUTH settings of users and the pipeline, general or of one provider (`ProviderSettings::user_rules`).
#[derive(Clone, Debug)]
pub struct UserRules {
    /// PIPELINE: names of steps in order.
    pub pipeline: Vec<String>,
    /// USER_FIELDS: fields that a sign-up fills.
    pub user_fields: Vec<String>,
    /// USERNAME_IS_FULL_EMAIL.
    pub username_is_full_email: bool,
    /// USERNAMES_ACCEPT_UNVERIFIED_EMAIL, the same for all providers.
    pub usernames_accept_unverified: bool,
    /// Whether a username with an `@` is an address that its user proved to own: so it is as soon as one provider makes usernames
    /// of verified addresses, because all users share one name space.
    pub addresses_as_usernames: bool,
    /// SLUGIFY_USERNAMES.
    pub slugify_usernames: bool,
    /// CLEAN_USERNAMES.
    pub clean_usernames: bool,
    /// UUID_LENGTH: hex digits.
    pub uuid_length: usize,
    /// EMAIL_DOMAIN_LOWERCASE.
    pub email_domain_lowercase: bool,
    /// FORCE_EMAIL_LOWERCASE.
    pub force_email_lowercase: bool,
    /// WHITELISTED_EMAILS.
    pub whitelisted_emails: Vec<EmailAddress>,
    /// WHITELISTED_DOMAINS.
    pub whitelisted_domains: Vec<Domain>,
    /// DENIED_EMAILS.
    pub denied_emails: Vec<EmailAddress>,
    /// DENIED_DOMAINS, with their subdomains.
    pub denied_domains: Vec<Domain>,
    /// ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL, the same for all providers.
    pub allow_lists_accept_unverified: bool,
    /// DENY_LISTS_ACCEPT_MISSING_EMAIL, the same for all providers.
    pub deny_lists_accept_missing_email: bool,
    /// ALLOWED_ORGANIZATIONS; empty: all.
    pub allowed_organizations: Vec<String>,
    /// DENIED_ORGANIZATIONS in the form of [`crate::model::deny_list_key`].
    pub denied_organizations: Vec<String>,
    /// SIGN_UP: whether a login may create a user.
    pub sign_up: bool,
    /// Whether TRUSTED_EMAIL_PROVIDERS lists this provider (SEC-23).
    pub trusts_email: bool,
    /// Sources whose verified addresses identify a user: TRUSTED_EMAIL_PROVIDERS, and '' for the operator's own software.
    pub trusted_email_sources: Vec<String>,
    /// Whether ALLOWED_PROVIDERS and DENIED_PROVIDERS allow this provider.
    pub allows_sign_in: bool,
    /// PROTECTED_USER_FIELDS.
    pub protected_user_fields: Vec<String>,
    /// IMMUTABLE_USER_FIELDS.
    pub immutable_user_fields: Vec<String>,
    /// NO_DEFAULT_PROTECTED_USER_FIELDS.
    pub no_default_protected_user_fields: bool,
    /// USER_FIELD_MAPPING: from a detail to a field of the user.
    pub user_field_mapping: BTreeMap<String, String>,
    /// SESSION_EXPIRATION.
    pub session_expiration: bool,
    /// MAX_SESSION_LENGTH.
    pub max_session_length: Option<Duration>,
    /// REST_SOCIAL_USER_FIELDS, the same for all providers.
    pub own_fields: UserFields,
    /// AUTH_TIME_INTERVAL, the same for all providers.
    pub auth_time_interval: Duration,
    /// LEGACY_UIDS_UNTIL, the same for all providers.
    pub legacy_uids_until: Option<UnixMillis>,
}

/// SESSION_*.
#[derive(Clone, Debug)]
pub struct SessionRules {
    /// SESSION_COOKIE_AGE: lifetime of a session.
    pub age: Duration,
    /// SESSION_IDLE_TIMEOUT; `None`: no limit.
    pub idle: Option<Duration>,
}

/// SIMPLE_JWT_ALGORITHM (RFC 7518, 3.1; RFC 8037). Its text form is the `alg` of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, strum::Display, strum::EnumString)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSA PKCS #1 with SHA-256.
    RS256,
    /// ECDSA with P-256 and SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl JwtAlgorithm {
    /// Whether the key that verifies also signs (`HS*`), so that it must not be published.
    pub fn is_symmetric(self) -> bool {
        matches!(self, Self::HS256 | Self::HS384 | Self::HS512)
    }
}

/// The claim of every JWT with the user's credential generation at the time of issue. simplejwt has no claim of this name.
pub const GENERATION_CLAIM: &str = "gen";

/// SIMPLE_JWT_*.
#[derive(Clone, Debug)]
pub struct JwtRules {
    /// SIMPLE_JWT_ALGORITHM.
    pub algorithm: JwtAlgorithm,
    /// SIMPLE_JWT_SIGNING_KEY or SECRET_KEY; in PEM form for an asymmetric algorithm.
    pub signing_key: SecretString,
    /// SIMPLE_JWT_VERIFYING_KEY: public keys in PEM form, one after the other; asymmetric algorithms only.
    pub verifying_key: Option<String>,
    /// Whether the server makes the keys that sign: an asymmetric algorithm without SIMPLE_JWT_SIGNING_KEY.
    pub makes_keys: bool,
    /// SIMPLE_JWT_KEY_ROTATION: how long a key signs; `None`: until an operator rotates.
    pub key_rotation: Option<Duration>,
    /// SIMPLE_JWT_KEY_PUBLICATION: how long a key is published before it signs.
    pub key_publication: Duration,
    /// SIMPLE_JWT_ACCESS_TOKEN_LIFETIME.
    pub access_lifetime: Duration,
    /// SIMPLE_JWT_REFRESH_TOKEN_LIFETIME.
    pub refresh_lifetime: Duration,
    /// SIMPLE_JWT_SLIDING_TOKEN_LIFETIME.
    pub sliding_lifetime: Duration,
    /// SIMPLE_JWT_SLIDING_TOKEN_REFRESH_LIFETIME.
    pub sliding_refresh_lifetime: Duration,
    /// SIMPLE_JWT_ROTATE_REFRESH_TOKENS.
    pub rotate_refresh_tokens: bool,
    /// SIMPLE_JWT_BLACKLIST_AFTER_ROTATION.
    pub blacklist_after_rotation: bool,
    /// SIMPLE_JWT_FAMILY_LIFETIME; `None`: unlimited, or refresh tokens are not rotated.
    pub family_lifetime: Option<Duration>,
    /// SIMPLE_JWT_AUDIENCE; empty: none.
    pub audience: Vec<String>,
    /// SIMPLE_JWT_ISSUER.
    pub issuer: Option<String>,
    /// `iss` and `aud` of tokens with an asymmetric algorithm where the two settings are not set: PUBLIC_URL without its final
    /// slash.
    pub default_party: Option<String>,
    /// SIMPLE_JWT_LEEWAY.
    pub leeway: Duration,
    /// SIMPLE_JWT_USER_ID_CLAIM.
    pub user_id_claim: String,
    /// SIMPLE_JWT_TOKEN_TYPE_CLAIM.
    pub token_type_claim: String,
    /// SIMPLE_JWT_JTI_CLAIM.
    pub jti_claim: String,
    /// SIMPLE_JWT_REVOKE_TOKEN_CLAIM: of tokens that simplejwt issued.
    pub revoke_token_claim: String,
    /// SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM.
    pub sliding_refresh_exp_claim: String,
    /// SIMPLE_JWT_AUTH_HEADER_TYPES: schemes of the `Authorization` header; case does not matter (RFC 9110, section 11.1).
    pub auth_header_types: Vec<String>,
}

impl JwtRules {
    /// `iss` of issued tokens.
    pub fn issuer_of_own_tokens(&self) -> Option<&str> {
        self.issuer.as_deref().or(self.default_party.as_deref())
    }

    /// `aud` of issued tokens; empty: none.
    pub fn audience_of_own_tokens(&self) -> &[String] {
        match self.audience.as_slice() {
            [] => self.default_party.as_slice(),
            audience => audience,
        }
    }

    /// The longest time from the issue of a token to its expiry, the leeway included.
    pub fn longest_lifetime(&self) -> Duration {
        let lifetimes =
            [self.access_lifetime, self.refresh_lifetime, self.sliding_lifetime, self.sliding_refresh_lifetime];
        lifetimes.into_iter().max().unwrap_or_default().saturating_add(self.leeway)
    }
}

/// REST_KNOX_*.
#[derive(Clone, Debug)]
pub struct KnoxRules {
    /// REST_KNOX_TOKEN_TTL; `None`: a token does not expire.
    pub ttl: Option<Duration>,
    /// REST_KNOX_AUTH_TOKEN_CHARACTER_LENGTH: hex digits after the prefix.
    pub character_length: usize,
    /// REST_KNOX_TOKEN_LIMIT_PER_USER: valid tokens of one user; `None`: no limit.
    pub limit_per_user: Option<i64>,
    /// REST_KNOX_TOKEN_PREFIX: at most 10 characters.
    pub prefix: String,
    /// REST_KNOX_AUTO_REFRESH.
    pub auto_refresh: bool,
    /// REST_KNOX_AUTO_REFRESH_MAX_TTL; `None`: no limit.
    pub auto_refresh_max_ttl: Option<Duration>,
    /// REST_KNOX_MIN_REFRESH_INTERVAL.
    pub min_refresh_interval: Duration,
    /// REST_KNOX_AUTH_HEADER_PREFIX: scheme of the `Authorization` header; case does not matter.
    pub auth_header_prefix: String,
}

/// Rules of the calls to providers.
#[derive(Clone)]
pub struct OutgoingRules {
    /// HTTPS_PROXY, which may have a private address.
    pub https_proxy: Option<Url>,
    /// HTTP_PROXY.
    pub http_proxy: Option<Url>,
    /// NO_PROXY.
    pub no_proxy: Option<String>,
    /// SSL_CERT_FILE: trusted in addition to the roots of the system.
    pub extra_roots: Option<PathBuf>,
    /// OUTGOING_ALLOW_PRIVATE.
    pub allow_private: bool,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// SOCIAL_AUTH_REQUESTS_TIMEOUT: for one call.
    pub timeout: Duration,
    /// For all calls of one login together.
    pub login_timeout: Duration,
    /// SOCIAL_AUTH_USER_AGENT.
    pub user_agent: String,
}

/// WEBHOOK_*.
#[derive(Clone)]
pub struct WebhookRules {
    /// WEBHOOK_URL. Its query may be secret.
    pub url: Url,
    /// WEBHOOK_SECRETS: each signs every call. There is at least one.
    pub secrets: Vec<SharedKey>,
    /// WEBHOOK_EVENTS.
    pub events: Vec<EventType>,
    /// WEBHOOK_ALLOW_PRIVATE: whether the host name may resolve to a private address.
    pub allow_private: bool,
    /// WEBHOOK_TIMEOUT: for one call.
    pub timeout: Duration,
    /// WEBHOOK_ON_FAILURE: for a sign-up whose webhook fails.
    pub on_failure: OnFailure,
    /// WEBHOOK_RETENTION: of delivered and failed events; `None`: no event is deleted.
    pub retention: Option<Duration>,
}

/// WEBHOOK_ON_FAILURE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The sign-up is refused.
    Refuse,
    /// The sign-up continues.
    Allow,
}

/// Without the query of the URL.
impl fmt::Debug for WebhookRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRules")
            .field("host", &self.url.host_str())
            .field("events", &self.events)
            .field("timeout", &self.timeout)
            .field("on_failure", &self.on_failure)
            .finish_non_exhaustive()
    }
}

/// Without the proxies, whose URLs may contain a password.
impl fmt::Debug for OutgoingRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingRules")
            .field("allow_private", &self.allow_private)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl UserRules {
    /// An address in the form that is stored: in lower case as far as the settings require it (R-EML-01).
    pub fn stored_email(&self, address: &EmailAddress) -> EmailAddress {
        match address.clone() {
            address if self.force_email_lowercase => address.with_lower_case(),
            address if self.email_domain_lowercase => address.with_lower_case_domain(),
            address => address,
        }
    }

    /// Whether DENIED_EMAILS or DENIED_DOMAINS is set.
    pub fn has_denied_addresses(&self) -> bool {
        !self.denied_emails.is_empty() || !self.denied_domains.is_empty()
    }

    /// Whether DENIED_EMAILS or DENIED_DOMAINS lists the address, its domain or a parent domain.
    pub fn denies(&self, address: &EmailAddress) -> bool {
        self.denied_emails.iter().any(|denied| denied.key() == address.key())
            || self.denied_domains.iter().any(|denied| address.domain().is_within(denied))
    }
}
