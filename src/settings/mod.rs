//! The settings file and the environment, read once at start: typed, checked, every error named and all told together.
//!
//! The original's names are kept in the environment as they are; in the file a setting is its environment name in lower
//! case. What belongs to one provider stays untyped ([`ProviderSettings`]) until its descriptor says which names it knows
//! ([`SettingRules`]). See `docs/SETTINGS.md`.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::clock::UnixMillis;
use crate::model::{Domain, EmailAddress, EventType, UserFields};
use crate::secrets::{SecretString, SharedKey, Vault};

mod addresses; // where to listen, own URL, exact lists, proxies
mod gather; // file, environment and defaults brought together: whose setting is each
mod linking; // what links accounts, and which rows a login may find
mod names; // every known name, and the nearest one to a slip
mod pipeline; // steps and their order
mod provider; // the settings of one provider, typed by its descriptor
mod read; // all of it, every mistake at once
mod rights; // files that must stay with their owner
mod rules; // the typed groups
mod strength; // whether a key looks random
#[cfg(test)]
mod tests;
mod user_fields; // fields beyond the stock ones
mod value; // one value as written, and how it becomes a typed one
mod webhooks; // whom to tell what happens to users

pub use self::pipeline::own_step_name;
pub use self::provider::{ProviderSettings, SettingRules, SettingValues, TypedSettings};
pub use self::read::{Sources, read, read_with_mistakes};
pub use self::rights::{exposed_database_files, sqlite_file};

/// One mistake in the settings: the name as the operator wrote it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct SettingError {
    pub name: String,
    pub problem: String,
}

impl SettingError {
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Serve,
    /// Loopback only: the demo provider, a generated secret, lists that allow loopback.
    Dev,
}

/// Limits of a server on its database; commands of an operator have none.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseLimits {
    /// DATABASE_TIMEOUT: of one call of the store.
    pub call: Duration,
    /// DATABASE_QUEUE_TIMEOUT: how long a call waits for a free connection.
    pub queue: Duration,
    /// DATABASE_POOL_SIZE: connections of this process to PostgreSQL.
    pub connections: u32,
}

/// SEC-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatePolicy {
    Required,
    WhenPresent,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub mode: Mode,
    /// `sqlite://PATH` or `postgres://…`; may hold a password.
    pub database_url: SecretString,
    pub database: DatabaseLimits,
    pub listen: SocketAddr,
    /// LISTEN_REUSE_PORT: another process may listen there too.
    pub listen_reuse_port: bool,
    /// SHUTDOWN_DELAY: from the signal until the listener closes; meanwhile `/readyz` fails and all else is served.
    pub shutdown_delay: Duration,
    /// Scheme, host and port, never with a path. `None` only in `dev`: then the request's own host.
    pub public_url: Option<Url>,
    pub secret_key: SecretString,
    /// Exact origins, as a browser writes them. The origin of `public_url` is among them.
    pub allowed_origins: Vec<String>,
    /// Exact strings; the port of a loopback IP literal is free (RFC 8252, 7.3). What the REST_SOCIAL settings give for
    /// `public_url` is among them.
    pub allowed_redirect_uris: Vec<String>,
    pub state_policy: StatePolicy,
    pub log_format: LogFormat,
    /// A filter of tracing-subscriber.
    pub log_filter: String,
    pub rest_social: RestSocial,
    pub users: UserRules,
    pub session: SessionRules,
    pub jwt: JwtRules,
    pub knox: KnoxRules,
    pub outgoing: OutgoingRules,
    /// STORE_PROVIDER_TOKENS: `None` drops what a provider hands out to act for a person (SEC-40).
    pub vault: Option<Arc<Vault>>,
    /// AUDIT_RETENTION: what is older is deleted; `None`: nothing is.
    pub audit_retention: Option<Duration>,
    /// WEBHOOK_*: `None`: nobody is told what happens to users.
    pub webhooks: Option<WebhookRules>,
    /// FRESH_LOGIN_AGE: how old a login may be that deletes a user or unlinks an account; `None`: of any age.
    pub fresh_login_age: Option<Duration>,
    /// LINK_NEEDS_FRESH_LOGIN: whether it counts for linking an account too (SEC-25).
    pub link_needs_fresh_login: bool,
    /// LINK_WITHOUT_AUTHORIZATION_REQUEST: whether a login links to its caller without a request that the caller made here.
    pub link_without_authorization_request: bool,
    /// TRUSTED_PROXIES: whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Strict-Transport-Security on every answer (SEC-36).
    pub hsts: bool,
    /// Configured ones, in the settings' order.
    pub providers: Vec<ProviderSettings>,
    /// Unknown `SOCIAL_AUTH_*` and `REST_SOCIAL_*` in the environment and the like: told at start, never fatal.
    pub warnings: Vec<String>,
}

/// R-URI, section 12 of the original's rules.
#[derive(Clone, Debug)]
pub struct RestSocial {
    /// A path; default `/`.
    pub oauth_redirect_uri: String,
    pub oauth_absolute_redirect_uri: Option<String>,
    /// Default: on when `ALLOWED_ORIGINS` is not empty (SEC-8).
    pub domain_from_origin: bool,
    pub log_auth_exceptions: bool,
    pub verbose_errors: bool,
    /// SOCIAL_AUTH_REDIRECT_IS_HTTPS.
    pub redirect_is_https: bool,
    /// The answer of a login says whether it was a sign-up.
    pub is_new: bool,
    /// Stock fields that a user may change; the declared ones say so of themselves.
    pub editable_user_fields: Vec<String>,
}

/// The SOCIAL_AUTH settings of the pipeline. A provider may have its own: see [`ProviderSettings::user_rules`].
#[derive(Clone, Debug)]
pub struct UserRules {
    /// Names of steps in order; the original's dotted paths count by their last part.
    pub pipeline: Vec<String>,
    pub user_fields: Vec<String>,
    pub username_is_full_email: bool,
    pub slugify_usernames: bool,
    pub clean_usernames: bool,
    /// Hex digits added to a username that is taken.
    pub uuid_length: usize,
    /// The domain of an address is stored in lower case (R-EML-01).
    pub email_domain_lowercase: bool,
    pub force_email_lowercase: bool,
    pub whitelisted_emails: Vec<EmailAddress>,
    pub whitelisted_domains: Vec<Domain>,
    pub denied_emails: Vec<EmailAddress>,
    /// Their subdomains are denied too.
    pub denied_domains: Vec<Domain>,
    /// ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL, for all providers the same.
    pub allow_lists_accept_unverified: bool,
    /// DENY_LISTS_ACCEPT_MISSING_EMAIL, for all providers the same.
    pub deny_lists_accept_missing_email: bool,
    /// Empty: any.
    pub allowed_organizations: Vec<String>,
    /// By [`crate::model::resembled_name`].
    pub denied_organizations: Vec<String>,
    /// Whether somebody new may get a user.
    pub sign_up: bool,
    /// Of a provider: whether it is one of TRUSTED_EMAIL_PROVIDERS, whose word on an address links users (SEC-23).
    pub trusts_email: bool,
    /// Whose word on the address of a user links to this user: the TRUSTED_EMAIL_PROVIDERS', and the operator's own
    /// software's, which is called ''.
    pub email_vouchers: Vec<String>,
    /// Of a provider: whether ALLOWED_PROVIDERS and DENIED_PROVIDERS let anybody in through it.
    pub may_enter: bool,
    pub protected_user_fields: Vec<String>,
    pub immutable_user_fields: Vec<String>,
    pub no_default_protected_user_fields: bool,
    /// Name of a detail -> name of the user's field.
    pub user_field_mapping: BTreeMap<String, String>,
    pub session_expiration: bool,
    pub max_session_length: Option<Duration>,
    /// REST_SOCIAL_USER_FIELDS, for all providers the same.
    pub own_fields: UserFields,
    /// LEGACY_UIDS_UNTIL: until when an imported account is found by a key of an earlier release; for all providers the same.
    pub legacy_uids_until: Option<UnixMillis>,
}

#[derive(Clone, Debug)]
pub struct SessionRules {
    /// SESSION_COOKIE_AGE, two weeks.
    pub age: Duration,
    /// SESSION_IDLE_TIMEOUT: ends a session nobody used for so long; `None`: never.
    pub idle: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    HS256,
    HS384,
    HS512,
    RS256,
    ES256,
    EdDSA,
}

/// The claim of every JWT that holds the user's credential generation at the time of issue; simplejwt has none of this name.
pub const GENERATION_CLAIM: &str = "gen";

/// SIMPLE_JWT_*.
#[derive(Clone, Debug)]
pub struct JwtRules {
    pub algorithm: JwtAlgorithm,
    /// Defaults to `secret_key`; PEM for an asymmetric algorithm.
    pub signing_key: SecretString,
    /// PEM; asymmetric algorithms only.
    pub verifying_key: Option<String>,
    pub access_lifetime: Duration,
    pub refresh_lifetime: Duration,
    pub sliding_lifetime: Duration,
    pub sliding_refresh_lifetime: Duration,
    pub rotate_refresh_tokens: bool,
    pub blacklist_after_rotation: bool,
    pub audience: Option<String>,
    pub issuer: Option<String>,
    pub leeway: Duration,
    pub user_id_claim: String,
    pub token_type_claim: String,
    pub jti_claim: String,
    pub sliding_refresh_exp_claim: String,
    /// Schemes of the `Authorization` header, in any case (RFC 9110, section 11.1); default `Bearer`.
    pub auth_header_types: Vec<String>,
}

/// REST_KNOX_*.
#[derive(Clone, Debug)]
pub struct KnoxRules {
    /// `None`: a token never ends.
    pub ttl: Option<Duration>,
    /// Hex digits after the prefix.
    pub character_length: usize,
    /// Live tokens of one user.
    pub limit_per_user: Option<i64>,
    /// At most 10 characters.
    pub prefix: String,
    pub auto_refresh: bool,
    pub auto_refresh_max_ttl: Option<Duration>,
    pub min_refresh_interval: Duration,
    /// Scheme of the `Authorization` header, in any case; default `Token`.
    pub auth_header_prefix: String,
}

#[derive(Clone)]
pub struct OutgoingRules {
    /// HTTPS_PROXY, which may stand on a private address.
    pub https_proxy: Option<Url>,
    /// HTTP_PROXY, for plain http where that is allowed at all.
    pub http_proxy: Option<Url>,
    pub no_proxy: Option<String>,
    /// SSL_CERT_FILE: trusted besides the system's roots.
    pub extra_roots: Option<PathBuf>,
    /// OUTGOING_ALLOW_PRIVATE.
    pub allow_private: bool,
    /// Default 5 s.
    pub connect_timeout: Duration,
    /// For one call, default 10 s.
    pub timeout: Duration,
    /// For all calls of one login, default 15 s.
    pub login_timeout: Duration,
    pub user_agent: String,
}

/// Who is told what happens to users, and of what.
#[derive(Clone)]
pub struct WebhookRules {
    /// http or https, without a user or a fragment; its query may be a secret.
    pub url: Url,
    /// Each signs; never empty.
    pub secrets: Vec<SharedKey>,
    pub events: Vec<EventType>,
    /// Whether the URL's name may stand for an address of this network.
    pub allow_private: bool,
    /// Of one call; at most 10 s.
    pub timeout: Duration,
    /// What becomes of a sign-up when nobody answers the question whether it may be.
    pub on_failure: OnFailure,
    /// What was delivered or given up is deleted after it; `None`: nothing is.
    pub retention: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    Refuse,
    Allow,
}

/// Without the URL's query.
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

/// Without the proxies, whose URLs may hold a password.
impl fmt::Debug for OutgoingRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingRules")
            .field("allow_private", &self.allow_private)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for StatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Required => "required",
            Self::WhenPresent => "when_present",
            Self::Off => "off",
        })
    }
}

impl UserRules {
    /// An address as it is stored: its domain in lower case, all its ASCII letters with FORCE_EMAIL_LOWERCASE (R-EML-01).
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

    /// Whether DENIED_EMAILS or DENIED_DOMAINS has the address, or a domain above its own.
    pub fn denies(&self, address: &EmailAddress) -> bool {
        self.denied_emails.iter().any(|denied| denied.key() == address.key())
            || self.denied_domains.iter().any(|denied| address.domain().is_within(denied))
    }
}

impl Default for UserRules {
    fn default() -> Self {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Self {
            pipeline: names(&DEFAULT_PIPELINE),
            user_fields: names(&["username", "email"]),
            username_is_full_email: false,
            slugify_usernames: false,
            clean_usernames: true,
            uuid_length: 16,
            email_domain_lowercase: true,
            force_email_lowercase: false,
            whitelisted_emails: Vec::new(),
            whitelisted_domains: Vec::new(),
            denied_emails: Vec::new(),
            denied_domains: Vec::new(),
            allow_lists_accept_unverified: false,
            deny_lists_accept_missing_email: false,
            allowed_organizations: Vec::new(),
            denied_organizations: Vec::new(),
            sign_up: true,
            trusts_email: false,
            email_vouchers: vec![String::new()],
            may_enter: true,
            protected_user_fields: Vec::new(),
            immutable_user_fields: Vec::new(),
            no_default_protected_user_fields: false,
            user_field_mapping: BTreeMap::new(),
            session_expiration: false,
            max_session_length: None,
            legacy_uids_until: None,
            own_fields: UserFields::default(),
        }
    }
}

/// The original's nine steps (R-PIPE).
pub const DEFAULT_PIPELINE: [&str; 9] = [
    "social_details",
    "social_uid",
    "auth_allowed",
    "social_user",
    "get_username",
    "create_user",
    "associate_user",
    "load_extra_data",
    "user_details",
];

impl Default for JwtRules {
    /// The original's, with no key.
    fn default() -> Self {
        Self {
            algorithm: JwtAlgorithm::HS256,
            signing_key: SecretString::default(),
            verifying_key: None,
            access_lifetime: Duration::from_secs(300),
            refresh_lifetime: Duration::from_secs(86_400),
            sliding_lifetime: Duration::from_secs(300),
            sliding_refresh_lifetime: Duration::from_secs(86_400),
            rotate_refresh_tokens: false,
            blacklist_after_rotation: false,
            audience: None,
            issuer: None,
            leeway: Duration::ZERO,
            user_id_claim: "user_id".to_owned(),
            token_type_claim: "token_type".to_owned(),
            jti_claim: "jti".to_owned(),
            sliding_refresh_exp_claim: "refresh_exp".to_owned(),
            auth_header_types: vec!["Bearer".to_owned()],
        }
    }
}
