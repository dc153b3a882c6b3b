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

/// An error in the settings: the name as the operator wrote it, and what to do.
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
    /// Loopback only, with the demo provider and a generated secret.
    Dev,
}

/// Limits of the server; commands have none.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseLimits {
    /// DATABASE_TIMEOUT.
    pub call: Duration,
    /// DATABASE_QUEUE_TIMEOUT.
    pub queue: Duration,
    /// DATABASE_POOL_SIZE.
    pub connections: u32,
}

/// MAX_*: the number of rows in tables that unauthenticated callers fill (SEC-44).
#[derive(Clone, Debug)]
pub struct TableLimits {
    pub authorization_requests: i64,
    pub authorization_requests_per_address: u32,
    pub used_codes: i64,
    pub pending_logins: i64,
    pub one_time_codes: i64,
    pub kept_rows: i64,
}

/// SEC-2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatePolicy {
    Required,
    WhenPresent,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// The REST_SOCIAL settings (R-URI).
#[derive(Clone, Debug)]
pub struct RestSocial {
    /// A path.
    pub oauth_redirect_uri: String,
    pub oauth_absolute_redirect_uri: Option<String>,
    /// SEC-8.
    pub domain_from_origin: bool,
    pub log_auth_exceptions: bool,
    pub verbose_errors: bool,
    /// SOCIAL_AUTH_REDIRECT_IS_HTTPS.
    pub redirect_is_https: bool,
    pub is_new: bool,
    /// Standard fields; a declared field has its own `editable`.
    pub editable_user_fields: Vec<String>,
}

/// The SOCIAL_AUTH settings of users and the pipeline, general or of one provider ([`ProviderSettings::user_rules`]).
#[derive(Clone, Debug)]
pub struct UserRules {
    /// Names of steps in order.
    pub pipeline: Vec<String>,
    pub user_fields: Vec<String>,
    pub username_is_full_email: bool,
    pub slugify_usernames: bool,
    pub clean_usernames: bool,
    pub uuid_length: usize,
    pub email_domain_lowercase: bool,
    pub force_email_lowercase: bool,
    pub whitelisted_emails: Vec<EmailAddress>,
    pub whitelisted_domains: Vec<Domain>,
    pub denied_emails: Vec<EmailAddress>,
    /// With their subdomains.
    pub denied_domains: Vec<Domain>,
    /// ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL, the same for all providers.
    pub allow_lists_accept_unverified: bool,
    /// DENY_LISTS_ACCEPT_MISSING_EMAIL, the same for all providers.
    pub deny_lists_accept_missing_email: bool,
    /// Empty: all.
    pub allowed_organizations: Vec<String>,
    /// In the form of [`crate::model::deny_list_key`].
    pub denied_organizations: Vec<String>,
    /// Whether a login may create a user.
    pub sign_up: bool,
    /// Whether TRUSTED_EMAIL_PROVIDERS lists this provider (SEC-23).
    pub trusts_email: bool,
    /// Sources whose verified addresses identify a user: TRUSTED_EMAIL_PROVIDERS, and '' for the operator's own software.
    pub trusted_email_sources: Vec<String>,
    /// Whether ALLOWED_PROVIDERS and DENIED_PROVIDERS allow this provider.
    pub allows_sign_in: bool,
    pub protected_user_fields: Vec<String>,
    pub immutable_user_fields: Vec<String>,
    pub no_default_protected_user_fields: bool,
    /// From a detail to a field of the user.
    pub user_field_mapping: BTreeMap<String, String>,
    pub session_expiration: bool,
    pub max_session_length: Option<Duration>,
    /// REST_SOCIAL_USER_FIELDS, the same for all providers.
    pub own_fields: UserFields,
    /// LEGACY_UIDS_UNTIL, the same for all providers.
    pub legacy_uids_until: Option<UnixMillis>,
}

#[derive(Clone, Debug)]
pub struct SessionRules {
    /// SESSION_COOKIE_AGE.
    pub age: Duration,
    /// SESSION_IDLE_TIMEOUT.
    pub idle: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
    /// `secret_key` or a key of its own; PEM for an asymmetric algorithm.
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
    /// Schemes of the `Authorization` header; case does not matter (RFC 9110, section 11.1).
    pub auth_header_types: Vec<String>,
}

/// REST_KNOX_*.
#[derive(Clone, Debug)]
pub struct KnoxRules {
    /// `None`: a token does not expire.
    pub ttl: Option<Duration>,
    /// Hex digits after the prefix.
    pub character_length: usize,
    /// Valid tokens of one user.
    pub limit_per_user: Option<i64>,
    /// At most 10 characters.
    pub prefix: String,
    pub auto_refresh: bool,
    pub auto_refresh_max_ttl: Option<Duration>,
    pub min_refresh_interval: Duration,
    /// Scheme of the `Authorization` header; case does not matter.
    pub auth_header_prefix: String,
}

#[derive(Clone)]
pub struct OutgoingRules {
    /// HTTPS_PROXY, which may have a private address.
    pub https_proxy: Option<Url>,
    /// HTTP_PROXY.
    pub http_proxy: Option<Url>,
    pub no_proxy: Option<String>,
    /// SSL_CERT_FILE: trusted in addition to the roots of the system.
    pub extra_roots: Option<PathBuf>,
    /// OUTGOING_ALLOW_PRIVATE.
    pub allow_private: bool,
    pub connect_timeout: Duration,
    /// Of one call.
    pub timeout: Duration,
    /// Of all calls of one login.
    pub login_timeout: Duration,
    pub user_agent: String,
}

/// WEBHOOK_*.
#[derive(Clone)]
pub struct WebhookRules {
    /// The query may be secret.
    pub url: Url,
    /// Each signs every call; never empty.
    pub secrets: Vec<SharedKey>,
    pub events: Vec<EventType>,
    /// Whether the host name may resolve to a private address.
    pub allow_private: bool,
    /// Of one call.
    pub timeout: Duration,
    /// For a sign-up whose webhook fails.
    pub on_failure: OnFailure,
    /// Of delivered and failed events; `None`: none is deleted.
    pub retention: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Refuse,
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
    /// An address as it is stored, in lower case as far as the settings say (R-EML-01).
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
