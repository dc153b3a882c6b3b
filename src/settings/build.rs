//! [`Settings`], built from everything that the sources contain. All errors are reported together (SEC-47).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;
use ipnet::IpNet;
use serde_json::Value;
use url::Url;

use super::database_url::check_database_url;
use super::provider_settings::ProviderSettings;
use super::rate_limits::{self, RateLimitRules};
use super::setting_reader::{self, SettingReader};
use super::site_rules::{self, SiteRules};
use super::sources::{ProviderValues, SourceValues, Sources, WrittenValues, read_sources, variables};
use super::trace_rules::{self, TraceRules};
use super::types::{
    BackupTarget, ConnectionRules, DatabaseLimits, JwtRules, KnoxRules, LogFormat, Mode, OutgoingRules, Postmessage,
    RestSocial, SessionRules, SettingError, SqliteSynchronous, StatePolicy, TableLimits, UserRules, WebhookRules,
};
use super::user_rules::{AllUserRules, ProviderLists};
use super::{addresses, credential_rules, file_access, secret_keys, table, user_fields, user_rules, webhook_rules};
use crate::model::User;
use crate::secrets::{SecretString, TokenCipher};

/// All settings, with defaults for those that are not set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which command the settings are for.
    pub mode: Mode,
    /// DATABASE_URL: `sqlite://PATH` or `postgres://…`. It may contain a password.
    pub database_url: SecretString,
    /// DATABASE_*.
    pub database: DatabaseLimits,
    /// SQLITE_SYNCHRONOUS.
    pub sqlite_synchronous: SqliteSynchronous,
    /// BACKUP_FILE.
    pub backup: Option<BackupTarget>,
    /// MAX_*.
    pub limits: TableLimits,
    /// MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS and the time limits of connections.
    pub connections: ConnectionRules,
    /// RATE_LIMIT_*.
    pub rate_limits: RateLimitRules,
    /// LISTEN.
    pub listen: SocketAddr,
    /// METRICS_LISTEN; `None`: nothing is measured.
    pub metrics_listen: Option<SocketAddr>,
    /// Traces of requests.
    pub traces: TraceRules,
    /// LISTEN_REUSE_PORT.
    pub listen_reuse_port: bool,
    /// SHUTDOWN_DELAY: time between the signal and the close of the listener.
    pub shutdown_delay: Duration,
    /// SHUTDOWN_TIMEOUT: time limit after the close of the listener.
    pub shutdown_timeout: Duration,
    /// PUBLIC_URL: scheme, host and port. `None` only in `dev`, which uses the host of the request.
    pub public_url: Option<Url>,
    /// SECRET_KEY: all other keys are derived from it.
    pub secret_key: SecretString,
    /// ALLOWED_ORIGINS in the form of browsers, and the origin of `public_url`.
    pub allowed_origins: Vec<String>,
    /// ALLOWED_NEXT_ORIGINS and the origin of `public_url`; by default `allowed_origins`.
    pub allowed_next_origins: Vec<String>,
    /// ALLOWED_REDIRECT_URIS, and those that the REST_SOCIAL settings give for `public_url`. Matched exactly, except for the
    /// port of a loopback IP address (RFC 8252, 7.3).
    pub allowed_redirect_uris: Vec<String>,
    /// CORS_ALLOW_HEADERS in lower case.
    pub cors_allow_headers: Vec<String>,
    /// STATE_POLICY.
    pub state_policy: StatePolicy,
    /// SITE_* and API_DOCS.
    pub site: SiteRules,
    /// LOG_FORMAT.
    pub log_format: LogFormat,
    /// RUST_LOG.
    pub log_filter: String,
    /// REST_SOCIAL_*.
    pub rest_social: RestSocial,
    /// Users and pipeline, for providers without rules of their own.
    pub users: UserRules,
    /// SESSION_*.
    pub session: SessionRules,
    /// SIMPLE_JWT_*.
    pub jwt: JwtRules,
    /// REST_KNOX_*.
    pub knox: KnoxRules,
    /// Calls to providers.
    pub outgoing: OutgoingRules,
    /// Encrypts stored provider tokens; `None`: STORE_PROVIDER_TOKENS is off (SEC-40).
    pub token_cipher: Option<Arc<TokenCipher>>,
    /// Encrypts the stored private keys that sign JWTs, with the same keys (SEC-31).
    pub signing_key_cipher: Arc<TokenCipher>,
    /// AUDIT_RETENTION; `None`: no event is deleted.
    pub audit_retention: Option<Duration>,
    /// WEBHOOK_*; `None`: no events are sent.
    pub webhooks: Option<WebhookRules>,
    /// FRESH_LOGIN_AGE: maximum age of the login with which a user is deleted or an account unlinked; `None`: no maximum.
    pub fresh_login_age: Option<Duration>,
    /// LINK_NEEDS_FRESH_LOGIN: whether FRESH_LOGIN_AGE applies to linking too (SEC-25).
    pub link_needs_fresh_login: bool,
    /// LINK_WITHOUT_AUTHORIZATION_REQUEST: whether a login with a credential links without an authorization request of its user.
    pub link_without_authorization_request: bool,
    /// TRUSTED_PROXIES: the server reads X-Forwarded-For of these.
    pub trusted_proxies: Vec<IpNet>,
    /// HSTS (SEC-36).
    pub hsts: bool,
    /// The configured providers in the order of the settings.
    pub providers: Vec<ProviderSettings>,
    /// SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS and the lists of providers that may sign users in.
    pub provider_lists: ProviderLists,
    /// Warnings to log at start.
    pub warnings: Vec<String>,
}

/// The longest call to a provider.
const MAX_CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads all sources.
///
/// Errors: all of them together.
pub fn read(sources: &Sources<'_>) -> Result<Settings, Vec<SettingError>> {
    let (settings, errors) = read_with_errors(sources);
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

/// The settings with defaults in place of errors, so that what is checked elsewhere (providers, certificates) can be
/// reported together with them. A server must not run with such settings.
pub fn read_with_errors(sources: &Sources<'_>) -> (Settings, Vec<SettingError>) {
    let SourceValues { general, shared, providers, errors, warnings, file_error } = read_sources(sources);
    let mut reader = SettingReader { general, provider: WrittenValues::new(), errors, warnings };
    let settings = build(sources, &mut reader, &shared, providers);
    let SettingReader { mut errors, warnings, .. } = reader;
    if let Some(error) = file_error {
        // Missing settings may be in the file, which cannot be read.
        errors.retain(|other| sources.environment.iter().any(|(name, _)| *name == other.name));
        errors.insert(0, error);
    }
    let settings = Settings { warnings, ..settings };
    (settings, errors)
}

fn build(
    sources: &Sources<'_>,
    reader: &mut SettingReader,
    shared: &BTreeMap<String, Value>,
    providers: Vec<ProviderValues>,
) -> Settings {
    let mode = sources.mode;
    if let Some(path) = sources.file {
        check_file_access(reader, path, mode, &providers);
    }
    let listen = listen(reader, mode);
    let public_url = public_url(reader, mode);
    let secret_key = secret_keys::secret_key(reader);
    let database_url = SecretString::from(reader.value("DATABASE_URL", database_url));
    let pages = pages(reader, mode, public_url.as_ref(), listen.port());
    let allowed_next_origins = next_origins(reader, public_url.as_ref(), &pages.allowed_origins);
    let webhooks = webhook_rules::webhooks(reader);
    let jwt = credential_rules::jwt(reader, &secret_key, public_url.as_ref());
    let cipher = secret_keys::cipher(reader, &secret_key);
    let own_fields = user_fields::read(reader, &jwt, sources.fields);
    // The simulator adds the providers of the catalogue.
    let added_later = match mode {
        Mode::Serve => &[],
        Mode::Dev => sources.catalog,
    };
    let AllUserRules { general: users, of_providers, lists: provider_lists } =
        user_rules::read_all(reader, &own_fields, sources.steps, &providers, added_later);
    let environment = Arc::new(variables(&sources.environment));
    let typed = |(provider, rules)| provider_settings(provider, rules, shared, &environment);
    let mut providers: Vec<ProviderSettings> = providers.into_iter().zip(of_providers).map(typed).collect();
    webhook_rules::add_webhook_step(reader, webhooks.as_ref(), &mut providers);
    check_user_rules(reader, &providers);
    Settings {
        mode,
        database_url,
        database: database(reader),
        sqlite_synchronous: reader.word("SQLITE_SYNCHRONOUS"),
        backup: reader.optional("BACKUP_FILE", backup_target),
        limits: limits(reader),
        connections: connections(reader),
        rate_limits: rate_limits::rate_limits(reader, public_url.as_ref().filter(|_| mode == Mode::Serve)),
        site: site_rules::site(reader, public_url.as_ref(), mode),
        listen,
        metrics_listen: metrics_listen(reader, listen),
        traces: trace_rules::traces(reader),
        listen_reuse_port: reader.boolean("LISTEN_REUSE_PORT"),
        shutdown_delay: reader.seconds("SHUTDOWN_DELAY"),
        shutdown_timeout: reader.seconds("SHUTDOWN_TIMEOUT"),
        public_url,
        allowed_origins: without_duplicates(pages.allowed_origins),
        allowed_next_origins,
        cors_allow_headers: reader.list_of("CORS_ALLOW_HEADERS", header_name),
        allowed_redirect_uris: without_duplicates(pages.allowed_redirect_uris),
        state_policy: reader.word("STATE_POLICY"),
        log_format: reader.word("LOG_FORMAT"),
        log_filter: reader.value("RUST_LOG", log_filter),
        rest_social: pages.rest_social,
        users,
        session: credential_rules::sessions(reader),
        jwt,
        knox: credential_rules::knox(reader),
        outgoing: outgoing(reader),
        token_cipher: reader.boolean("STORE_PROVIDER_TOKENS").then(|| cipher.clone()),
        signing_key_cipher: cipher,
        audit_retention: reader.seconds_above_zero("AUDIT_RETENTION"),
        webhooks,
        fresh_login_age: reader.seconds_above_zero("FRESH_LOGIN_AGE"),
        link_needs_fresh_login: link_needs_fresh_login(reader),
        link_without_authorization_request: link_without_authorization_request(reader),
        trusted_proxies: trusted_proxies(reader),
        hsts: reader.boolean("HSTS"),
        secret_key,
        providers,
        provider_lists,
        warnings: Vec::new(),
    }
}

/// The origins and redirect URIs of front-ends.
struct Pages {
    allowed_origins: Vec<String>,
    allowed_redirect_uris: Vec<String>,
    rest_social: RestSocial,
}

fn pages(reader: &mut SettingReader, mode: Mode, public_url: Option<&Url>, port: u16) -> Pages {
    let mut allowed_origins = uris(reader, "ALLOWED_ORIGINS", addresses::origin);
    let mut allowed_redirect_uris = uris(reader, "ALLOWED_REDIRECT_URIS", addresses::redirect_uri_or_postmessage);
    let mut rest_social = rest_social(reader, mode == Mode::Dev || !allowed_origins.is_empty());
    separate_postmessage(&mut rest_social, &mut allowed_redirect_uris);
    if let Some(url) = public_url {
        allow_own_uris(&mut allowed_origins, &mut allowed_redirect_uris, url, &rest_social);
    }
    if mode == Mode::Dev {
        let (loopback_origins, loopback_uris) = addresses::loopback_uris(port);
        allowed_origins.extend(loopback_origins);
        allowed_redirect_uris.extend(loopback_uris);
    }
    Pages { allowed_origins, allowed_redirect_uris, rest_social }
}

/// ALLOWED_NEXT_ORIGINS and the origin of PUBLIC_URL; without the setting, ALLOWED_ORIGINS.
fn next_origins(reader: &mut SettingReader, public_url: Option<&Url>, allowed_origins: &[String]) -> Vec<String> {
    let mut origins = uris(reader, "ALLOWED_NEXT_ORIGINS", addresses::origin);
    if origins.is_empty() {
        origins.extend_from_slice(allowed_origins);
    } else {
        origins.extend(public_url.map(|url| url.origin().ascii_serialization()));
    }
    without_duplicates(origins)
}

/// The name of a request header. With credentials, `*` is a name as any other (Fetch Standard).
fn header_name(written: &str) -> Result<String, String> {
    let name = written.trim().to_ascii_lowercase();
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_name && !name.is_empty() { Ok(name) } else { Err(format!("{written:?} is not the name of a header")) }
}

fn public_url(reader: &mut SettingReader, mode: Mode) -> Option<Url> {
    if mode == Mode::Serve {
        reader.require("PUBLIC_URL", "must be set: the server's own base URL, such as https://login.example.com");
    }
    reader.optional("PUBLIC_URL", addresses::public_url)
}

fn check_user_rules(reader: &mut SettingReader, providers: &[ProviderSettings]) {
    reader.errors.extend(user_rules::lists_without_step(providers));
    reader.warnings.extend(user_rules::links_no_user_by_email(providers));
    reader.warnings.extend(user_rules::asks_no_user(providers));
    reader.warnings.extend(user_rules::accepts_unverified(providers));
    reader.warnings.extend(user_rules::accepts_missing(providers));
    reader.warnings.extend(user_rules::addresses_as_usernames(providers));
}

fn database(reader: &mut SettingReader) -> DatabaseLimits {
    let (call, queue) = (reader.seconds("DATABASE_TIMEOUT"), reader.seconds("DATABASE_QUEUE_TIMEOUT"));
    // A call that waited for a connection has to have time left.
    let queue = queue.min(call / 2);
    DatabaseLimits { call, queue, connections: reader.integer("DATABASE_POOL_SIZE") }
}

fn connections(reader: &mut SettingReader) -> ConnectionRules {
    ConnectionRules {
        max: reader.integer("MAX_CONNECTIONS"),
        max_per_address: reader.integer("MAX_CONNECTIONS_PER_ADDRESS"),
        head_timeout: reader.seconds("REQUEST_HEAD_TIMEOUT"),
        body_timeout: reader.seconds("REQUEST_BODY_TIMEOUT"),
        write_timeout: reader.seconds("RESPONSE_WRITE_TIMEOUT"),
        idle_timeout: reader.seconds("CONNECTION_IDLE_TIMEOUT"),
    }
}

impl Default for ConnectionRules {
    /// Without settings, as for the simulator.
    fn default() -> Self {
        connections(&mut SettingReader::default())
    }
}

fn limits(reader: &mut SettingReader) -> TableLimits {
    TableLimits {
        authorization_requests: reader.integer("MAX_AUTHORIZATION_REQUESTS"),
        authorization_requests_per_address: reader.integer("MAX_AUTHORIZATION_REQUESTS_PER_ADDRESS"),
        used_codes: reader.integer("MAX_USED_CODES"),
        used_codes_per_address: reader.integer("MAX_USED_CODES_PER_ADDRESS"),
        pending_logins: reader.integer("MAX_PENDING_LOGINS"),
        one_time_codes: reader.integer("MAX_ONE_TIME_CODES"),
        kept_rows: reader.integer("MAX_KEPT_ROWS"),
    }
}

fn rest_social(reader: &mut SettingReader, has_origins: bool) -> RestSocial {
    let absolute = |uri: &Value| {
        let uri = setting_reader::text(uri)?;
        addresses::redirect_uri_or_postmessage(&uri).map(|_| uri)
    };
    const ABSOLUTE: &str = "REST_SOCIAL_OAUTH_ABSOLUTE_REDIRECT_URI";
    let oauth_absolute_redirect_uri: Option<String> = reader.optional(ABSOLUTE, absolute);
    if let Some(uri) = &oauth_absolute_redirect_uri
        && let Ok(Some(warning)) = addresses::redirect_uri(uri)
    {
        reader.warn(ABSOLUTE, &format!("{uri} {warning}"));
    }
    RestSocial {
        oauth_redirect_uri: reader.value("REST_SOCIAL_OAUTH_REDIRECT_URI", addresses::redirect_path),
        oauth_absolute_redirect_uri,
        postmessage: Postmessage::Refused,
        domain_from_origin: reader.optional_boolean("REST_SOCIAL_DOMAIN_FROM_ORIGIN").unwrap_or(has_origins),
        log_auth_exceptions: reader.boolean("REST_SOCIAL_LOG_AUTH_EXCEPTIONS"),
        verbose_errors: reader.boolean("REST_SOCIAL_VERBOSE_ERRORS"),
        redirect_is_https: reader.boolean("SOCIAL_AUTH_REDIRECT_IS_HTTPS"),
        is_new: reader.boolean("REST_SOCIAL_IS_NEW"),
        editable_user_fields: reader.list_of("REST_SOCIAL_EDITABLE_USER_FIELDS", |field| {
            if User::STANDARD_FIELDS.contains(&field) {
                Ok(field.to_owned())
            } else {
                let names = User::STANDARD_FIELDS.join(", ");
                Err(format!("{field:?} is none of {names}; a declared field has `editable` of its own"))
            }
        }),
    }
}

/// Removes `postmessage` from the redirect URIs: it is none of those to which a browser is sent.
fn separate_postmessage(rules: &mut RestSocial, allowed_redirect_uris: &mut Vec<String>) {
    let is_postmessage = |uri: &String| uri == addresses::POSTMESSAGE;
    if allowed_redirect_uris.iter().any(is_postmessage) {
        rules.postmessage = Postmessage::Allowed;
        allowed_redirect_uris.retain(|uri| !is_postmessage(uri));
    }
    if rules.oauth_absolute_redirect_uri.take_if(|uri| is_postmessage(uri)).is_some() {
        rules.postmessage = Postmessage::Default;
    }
}

fn outgoing(reader: &mut SettingReader) -> OutgoingRules {
    let timeout = match reader.optional_seconds("SOCIAL_AUTH_URLOPEN_TIMEOUT") {
        Some(timeout) if !reader.is_set("SOCIAL_AUTH_REQUESTS_TIMEOUT") => timeout,
        _ => reader.seconds("SOCIAL_AUTH_REQUESTS_TIMEOUT"),
    };
    if timeout > MAX_CALL_TIMEOUT {
        let limit = MAX_CALL_TIMEOUT.as_secs();
        reader.warn("SOCIAL_AUTH_REQUESTS_TIMEOUT", &format!("is more than {limit} seconds; {limit} seconds are used"));
    }
    OutgoingRules {
        https_proxy: reader.optional("HTTPS_PROXY", addresses::proxy),
        http_proxy: reader.optional("HTTP_PROXY", addresses::proxy),
        no_proxy: reader.optional_text("NO_PROXY"),
        extra_roots: reader.optional_text("SSL_CERT_FILE").map(Into::into),
        allow_private: reader.boolean("OUTGOING_ALLOW_PRIVATE"),
        connect_timeout: Duration::from_secs(5),
        timeout: timeout.min(MAX_CALL_TIMEOUT),
        login_timeout: Duration::from_secs(15),
        user_agent: reader
            .optional("SOCIAL_AUTH_USER_AGENT", user_agent)
            .unwrap_or_else(|| concat!("rest-social-auth/", env!("CARGO_PKG_VERSION")).to_owned()),
    }
}

fn user_agent(value: &Value) -> Result<String, String> {
    let is_ascii = |text: &&str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    value.as_str().filter(is_ascii).map(str::to_owned).ok_or_else(|| "must be printable ASCII text".to_owned())
}

fn trusted_proxies(reader: &mut SettingReader) -> Vec<IpNet> {
    let networks = reader.list_of("TRUSTED_PROXIES", addresses::network);
    for network in networks.iter().filter(|network| addresses::is_of_clients(network)) {
        let danger = format!(
            "{network} contains addresses of clients. They choose the address that rate limits and the audit log use, by sending \
             X-Forwarded-For: list the addresses of your proxies only"
        );
        reader.warn("TRUSTED_PROXIES", &danger);
    }
    networks
}

fn link_needs_fresh_login(reader: &mut SettingReader) -> bool {
    let needs = reader.boolean("LINK_NEEDS_FRESH_LOGIN");
    if !needs {
        reader.warn(
            "LINK_NEEDS_FRESH_LOGIN",
            "is off: a stolen credential of any age can link an account that then signs in",
        );
    }
    needs
}

fn link_without_authorization_request(reader: &mut SettingReader) -> bool {
    let links = reader.boolean("LINK_WITHOUT_AUTHORIZATION_REQUEST");
    if links {
        let danger = "is on: a link with an attacker's code links the attacker's account to the user who follows it";
        reader.warn("LINK_WITHOUT_AUTHORIZATION_REQUEST", danger);
    }
    links
}

/// A file that contains secrets must not be readable by every system user (SEC-47).
fn check_file_access(reader: &mut SettingReader, path: &Path, mode: Mode, providers: &[ProviderValues]) {
    // The settings of a custom provider are not known here: their names decide.
    let is_secret = |name: &str| {
        ["SECRET", "TOKEN", "PASSWORD", "ASSERTION", "PRIVATE_KEY", "API_KEY"].iter().any(|word| name.contains(word))
            && !name.starts_with("ID_TOKEN_")
            && !["_URL", "_METHOD", "_TYPE", "_ARGUMENTS", "_FILE"].iter().any(|end| name.ends_with(end))
    };
    // Of a URL, user and query may be secret.
    let holds_general_secret = reader.general.iter().filter(|(_, found)| found.in_file).any(|(name, found)| {
        let is_url = ["DATABASE_URL", "HTTPS_PROXY", "HTTP_PROXY", "WEBHOOK_URL"].contains(&name.as_str());
        is_url && found.value.to_string().contains(['@', '?'])
            || table::setting(name).is_some_and(|setting| setting.secret)
    });
    let holds_secrets = holds_general_secret
        || providers.iter().any(|provider| {
            provider.values.iter().any(|(name, found)| found.in_file && is_secret(name))
                || provider.descriptor.contains_key("client_secret")
        });
    if holds_secrets && file_access::is_open_to_all(path) {
        let problem = "contains secrets and can be read or changed by every user of this machine: run chmod o-rw";
        let error = SettingError::new(path.display().to_string(), problem);
        match mode {
            Mode::Serve => reader.errors.push(error),
            Mode::Dev => reader.warnings.push(error.to_string()),
        }
    }
}

fn uris(
    reader: &mut SettingReader,
    name: &str,
    check: fn(&str) -> Result<Option<&'static str>, String>,
) -> Vec<String> {
    let uris = reader.list(name);
    for uri in &uris {
        match check(uri) {
            Ok(None) => {}
            Ok(Some(warning)) => reader.warn(name, &format!("{uri} {warning}")),
            Err(problem) => reader.error(name, problem),
        }
    }
    uris
}

/// The origin of PUBLIC_URL, and the redirect URIs that the REST_SOCIAL settings give for it.
fn allow_own_uris(origins: &mut Vec<String>, uris: &mut Vec<String>, public_url: &Url, rules: &RestSocial) {
    uris.push(rules.default_redirect_uri(public_url));
    uris.extend(rules.oauth_absolute_redirect_uri.clone());
    origins.push(public_url.origin().ascii_serialization());
}

/// In the order of their first occurrence.
pub(crate) fn without_duplicates(list: Vec<String>) -> Vec<String> {
    list.into_iter().collect::<IndexSet<_>>().into_iter().collect()
}

fn provider_settings(
    provider: ProviderValues,
    user_rules: UserRules,
    shared: &BTreeMap<String, Value>,
    environment: &Arc<BTreeMap<String, OsString>>,
) -> ProviderSettings {
    let ProviderValues { name, mut values, descriptor, .. } = provider;
    values.retain(|name, _| !table::is_user_rule(name));
    let in_file = values.iter().filter(|(_, found)| found.in_file).map(|(name, _)| name.clone()).collect();
    let values = values.into_iter().map(|(name, found)| (name, found.value)).collect();
    let (shared, environment) = (shared.clone(), environment.clone());
    ProviderSettings { name, values, in_file, shared, environment, descriptor, user_rules }
}

fn listen(reader: &mut SettingReader, mode: Mode) -> SocketAddr {
    let listen = reader.value("LISTEN", addresses::listen);
    if mode == Mode::Dev && !listen.ip().is_loopback() {
        reader.error("LISTEN", "must be a loopback address: `dev` lets every user sign in; use `serve`");
    }
    listen
}

/// METRICS_LISTEN, which differs from LISTEN.
fn metrics_listen(reader: &mut SettingReader, listen: SocketAddr) -> Option<SocketAddr> {
    let address = reader.optional("METRICS_LISTEN", addresses::listen)?;
    let is_shared_address = |one: SocketAddr, other: SocketAddr| one.ip() == other.ip() || one.ip().is_unspecified();
    let is_same = is_shared_address(address, listen) || is_shared_address(listen, address);
    if is_same && address.port() == listen.port() && address.port() != 0 {
        reader.error("METRICS_LISTEN", "must differ from LISTEN: the metrics have a listener of their own");
    }
    Some(address)
}

fn backup_target(value: &Value) -> Result<BackupTarget, String> {
    let text = setting_reader::text(value)?;
    Ok(if text == "external" { BackupTarget::External } else { BackupTarget::File(text.into()) })
}

/// `store/` checks the rest when it opens the database.
fn database_url(value: &Value) -> Result<String, String> {
    let url = setting_reader::text(value)?;
    check_database_url(&url).map(|()| url)
}

fn log_filter(value: &Value) -> Result<String, String> {
    let filter = setting_reader::text(value)?;
    match tracing_subscriber::EnvFilter::try_new(&filter) {
        Ok(_) => Ok(filter),
        Err(_) => Err("must be a level, or a filter such as info,rest_social_auth=debug".to_owned()),
    }
}
