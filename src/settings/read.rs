//! Reads everything once, at start: defaults, file and environment become [`Settings`], and every mistake a named error,
//! all told together (SEC-47). `cli/` calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::gather::{Gathered, GatheredProvider, gather};
use super::names::USER_RULES;
use super::value::{self, Section};
use super::{
    LogFormat, Mode, ProviderSettings, RestSocial, SettingError, Settings, StatePolicy, UserRules, addresses, linking,
    rights, rules, strength, user_fields, webhooks,
};
use crate::model::{UserField, UserFields};
use crate::secrets::{ExposeSecret as _, SecretString};

/// Where settings come from, weakest first: `defaults`, the file, the environment.
pub struct Sources<'a> {
    pub mode: Mode,
    /// What `dev` brings along: shaped like the file.
    pub defaults: toml::Table,
    pub file: Option<&'a Path>,
    /// Of two entries of one name the later counts.
    pub environment: Vec<(String, String)>,
    /// Names of the provider catalogue, so that `SOCIAL_AUTH_*` is read by the longest provider name that fits.
    pub catalog: &'a [&'a str],
    /// Names of a program's own steps, which SOCIAL_AUTH_PIPELINE may name too.
    pub steps: &'a [&'a str],
    /// A program's own fields of the user. REST_SOCIAL_USER_FIELDS may declare one of the same name otherwise.
    pub fields: &'a [UserField],
}

/// Every mistake at once, by name.
pub fn read(sources: &Sources<'_>) -> Result<Settings, Vec<SettingError>> {
    let (settings, errors) = read_with_mistakes(sources);
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

/// The settings with defaults in the places of mistakes, so that what is checked elsewhere (providers, certificates) can
/// be told together with them. Nothing may be served with such settings while there are errors.
pub fn read_with_mistakes(sources: &Sources<'_>) -> (Settings, Vec<SettingError>) {
    let (file, unread) = match sources.file.map(load).transpose() {
        Ok(file) => (file.unwrap_or_default(), None),
        Err(error) => (toml::Table::new(), Some(error)),
    };
    let environment = environment(&sources.environment);
    let mut gathered = gather(&sources.defaults, &file, &environment, sources.catalog);
    let mut errors = std::mem::take(&mut gathered.errors);
    let settings = typed(sources, gathered, &mut errors);
    if let Some(error) = unread {
        // What seems to be missing may well stand in the file.
        errors.retain(|other| environment.contains_key(&other.name));
        errors.insert(0, error);
    }
    (settings, errors)
}

/// Proxies are also taken from their names in lower case, which many systems set.
fn environment(entries: &[(String, String)]) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = entries.iter().cloned().collect();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        if let Some(text) = environment.remove(&name.to_ascii_lowercase()) {
            environment.entry(name.to_owned()).or_insert(text);
        }
    }
    environment
}

fn load(path: &Path) -> Result<toml::Table, SettingError> {
    let wrong = |problem: String| SettingError::new(path.display().to_string(), problem);
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    // The parser's whole text would show the line, and a secret in it.
    text.parse::<toml::Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        wrong(format!("line {line}: {}", error.message()))
    })
}

const DEFAULT_DATABASE_URL: &str = "sqlite://rest-social-auth.db";

fn typed(sources: &Sources<'_>, gathered: Gathered, errors: &mut Vec<SettingError>) -> Settings {
    let Gathered { general, shared, providers, mut warnings, .. } = gathered;
    let general = &general;
    let serve = sources.mode == Mode::Serve;
    if let Some(path) = sources.file {
        check_rights(path, serve, general, &providers, errors, &mut warnings);
    }
    let listen = general.get("LISTEN", errors, addresses::listen).unwrap_or_else(|| ([127, 0, 0, 1], 8000).into());
    if !serve && !listen.ip().is_loopback() {
        let problem = "must be an address of this machine alone: `dev` lets anybody sign in; use `serve`";
        errors.push(SettingError::new(general.label("LISTEN"), problem));
    }
    let public_url = general.get("PUBLIC_URL", errors, addresses::public_url);
    if serve && !general.0.contains_key("PUBLIC_URL") {
        let problem = "must be set: the server's own base URL, such as https://login.example.com";
        errors.push(SettingError::new("PUBLIC_URL", problem));
    }
    let secret_key = secret_key(general, errors);
    let database_url = general.get("DATABASE_URL", errors, database_url);
    let database_url = SecretString::from(database_url.unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned()));
    let (mut origins, mut redirect_uris) = lists(general, errors, &mut warnings);
    let rest_social = rules::rest_social(general, !serve || !origins.is_empty(), errors);
    if let Some(url) = &public_url {
        count_as_listed(&mut origins, &mut redirect_uris, url, &rest_social);
    }
    if !serve {
        let (own_origins, own_uris) = addresses::own_loopback(listen.port());
        origins.extend(own_origins);
        redirect_uris.extend(own_uris);
    }
    let webhooks = webhooks::webhooks(general, errors);
    let jwt = rules::jwt(general, &secret_key, errors);
    let own_fields = user_fields::read(general, &jwt, sources.fields, errors);
    let linking = linking::linking(general, errors, &mut warnings);
    let users = base_rules(own_fields, general, &linking, errors);
    let users = rules::users(&users, general, "SOCIAL_AUTH_", sources.steps, errors);
    let known: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
    let lists = rules::ProviderLists::new(general, &known, errors);
    let of_provider = |provider: GatheredProvider| {
        let name = provider.name.clone();
        let rules = rules::users(&users, &provider.section, "", sources.steps, errors);
        of_provider(provider, lists.of(&name, rules), &shared)
    };
    let mut providers: Vec<ProviderSettings> = providers.into_iter().map(of_provider).collect();
    webhooks::ask_before_creation(webhooks.as_ref(), &mut providers, general, errors);
    errors.extend(rules::unguarded(&providers));
    warnings.extend(rules::links_nobody(&providers));
    warnings.extend([rules::accepts_unverified(&providers), rules::accepts_missing(&providers)].into_iter().flatten());
    Settings {
        mode: sources.mode,
        database_url,
        database: rules::database(general, errors),
        listen,
        listen_reuse_port: general.get("LISTEN_REUSE_PORT", errors, value::flag).unwrap_or(false),
        shutdown_delay: general.get("SHUTDOWN_DELAY", errors, rules::shutdown_delay).unwrap_or_default(),
        public_url,
        allowed_origins: without_repeats(origins),
        allowed_redirect_uris: without_repeats(redirect_uris),
        state_policy: general.get("STATE_POLICY", errors, state_policy).unwrap_or(StatePolicy::WhenPresent),
        log_format: general.get("LOG_FORMAT", errors, log_format).unwrap_or(LogFormat::Text),
        log_filter: general.get("RUST_LOG", errors, log_filter).unwrap_or_else(|| "info".to_owned()),
        rest_social,
        users,
        session: rules::sessions(general, errors),
        jwt,
        knox: rules::knox(general, errors),
        outgoing: rules::outgoing(general, errors, &mut warnings),
        vault: rules::vault(general, &secret_key, errors),
        audit_retention: rules::audit_retention(general, errors),
        webhooks,
        fresh_login_age: rules::fresh_login_age(general, errors),
        link_needs_fresh_login: linking.needs_fresh_login,
        link_without_authorization_request: linking.without_authorization_request,
        trusted_proxies: general.get("TRUSTED_PROXIES", errors, addresses::networks).unwrap_or_default(),
        hsts: general.get("HSTS", errors, value::flag).unwrap_or(false),
        secret_key,
        providers,
        warnings,
    }
}

/// What all providers have alike.
fn base_rules(
    own_fields: UserFields,
    general: &Section,
    linking: &linking::Linking,
    errors: &mut Vec<SettingError>,
) -> UserRules {
    let accept = "ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL";
    UserRules {
        own_fields,
        allow_lists_accept_unverified: general.get(accept, errors, value::flag).unwrap_or(false),
        deny_lists_accept_missing_email: general
            .get("DENY_LISTS_ACCEPT_MISSING_EMAIL", errors, value::flag)
            .unwrap_or(false),
        legacy_uids_until: linking.legacy_uids_until,
        ..UserRules::default()
    }
}

/// A file that everybody may read holds no secrets (SEC-47).
fn check_rights(
    path: &Path,
    serve: bool,
    general: &Section,
    providers: &[GatheredProvider],
    errors: &mut Vec<SettingError>,
    warnings: &mut Vec<String>,
) {
    let in_file = |section: &Section, name: &str| section.0.get(name).is_some_and(|found| found.in_file);
    // A URL with a password before its host, or with a key in its query.
    let holds_password = |name: &str| {
        in_file(general, name) && general.0.get(name).is_some_and(|found| found.value.to_string().contains(['@', '?']))
    };
    let is_secret = |name: &str| {
        ["SECRET", "TOKEN", "PASSWORD", "ASSERTION", "PRIVATE_KEY", "API_KEY"].iter().any(|word| name.contains(word))
            // Settings of how a token is asked for or checked.
            && !name.starts_with("ID_TOKEN_")
            && !["_URL", "_METHOD", "_TYPE", "_ARGUMENTS", "_FILE"].iter().any(|end| name.ends_with(end))
    };
    let holds_secrets = ["DATABASE_URL", "HTTPS_PROXY", "HTTP_PROXY", "WEBHOOK_URL"].into_iter().any(holds_password)
        || ["SECRET_KEY", "SIMPLE_JWT_SIGNING_KEY", "ENCRYPTION_KEYS", "WEBHOOK_SECRETS"]
            .iter()
            .any(|name| in_file(general, name))
        || providers.iter().any(|provider| {
            provider.section.0.iter().any(|(name, found)| found.in_file && is_secret(name))
                || provider.descriptor.contains_key("client_secret")
        });
    if holds_secrets && rights::is_open_to_all(path) {
        let problem =
            "holds secrets and may be read or changed by everybody on this machine; take that right away (chmod o-rw)";
        let error = SettingError::new(path.display().to_string(), problem);
        if serve { errors.push(error) } else { warnings.push(error.to_string()) }
    }
}

fn secret_key(general: &Section, errors: &mut Vec<SettingError>) -> SecretString {
    let before = errors.len();
    match rules::secret(general, "SECRET_KEY", errors) {
        Some(key) => {
            if key.expose_secret().len() < rules::LEAST_KEY {
                let problem = format!("must have at least {} bytes", rules::LEAST_KEY);
                errors.push(SettingError::new(general.label("SECRET_KEY"), problem));
            } else if let Err(problem) = strength::check(key.expose_secret().as_bytes()) {
                errors.push(SettingError::new(general.label("SECRET_KEY"), problem));
            }
            key
        }
        None => {
            if errors.len() == before {
                let problem = "must be set: at least 32 random bytes, such as `openssl rand -base64 48` prints";
                errors.push(SettingError::new("SECRET_KEY", problem));
            }
            SecretString::default()
        }
    }
}

/// ALLOWED_ORIGINS and ALLOWED_REDIRECT_URIS, each entry looked at; plain http to another machine is only warned of.
fn lists(general: &Section, errors: &mut Vec<SettingError>, warnings: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut list = |name: &str, check: fn(&str) -> Result<bool, String>| {
        let written = general.get(name, errors, value::list).unwrap_or_default();
        for entry in &written {
            match check(entry) {
                Ok(false) => {}
                Ok(true) => {
                    warnings.push(format!("{}: {entry} is plain http, which others can read", general.label(name)))
                }
                Err(problem) => errors.push(SettingError::new(general.label(name), problem)),
            }
        }
        written
    };
    (list("ALLOWED_ORIGINS", addresses::origin), list("ALLOWED_REDIRECT_URIS", addresses::redirect_uri))
}

/// The origin of PUBLIC_URL, and what the REST_SOCIAL settings give for it.
fn count_as_listed(origins: &mut Vec<String>, uris: &mut Vec<String>, public_url: &url::Url, rules: &RestSocial) {
    let own = public_url.origin().ascii_serialization();
    let base = match own.strip_prefix("http://") {
        Some(rest) if rules.redirect_is_https => format!("https://{rest}"),
        _ => own.clone(),
    };
    uris.push(format!("{base}{}", rules.oauth_redirect_uri));
    uris.extend(rules.oauth_absolute_redirect_uri.clone());
    origins.push(own);
}

fn without_repeats(list: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    list.into_iter().filter(|entry| seen.insert(entry.clone())).collect()
}

fn of_provider(
    provider: GatheredProvider,
    user_rules: UserRules,
    shared: &BTreeMap<String, Value>,
) -> ProviderSettings {
    let mut values = BTreeMap::new();
    let mut in_file = BTreeSet::new();
    for (name, found) in provider.section.0 {
        if USER_RULES.contains(&name.as_str()) {
            continue;
        }
        if found.in_file {
            in_file.insert(name.clone());
        }
        values.insert(name, found.value);
    }
    let (name, descriptor) = (provider.name, provider.descriptor);
    ProviderSettings { name, values, in_file, shared: shared.clone(), descriptor, user_rules }
}

/// The address is opened elsewhere; here only its kind is looked at, so that a slip is told with all others.
fn database_url(value: &Value) -> Result<String, String> {
    let written = value::text(value)?;
    let known = ["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| written.starts_with(scheme));
    if known { Ok(written) } else { Err("must begin with sqlite: or postgres:".to_owned()) }
}

fn state_policy(value: &Value) -> Result<StatePolicy, String> {
    value::word(
        value,
        &[("required", StatePolicy::Required), ("when_present", StatePolicy::WhenPresent), ("off", StatePolicy::Off)],
    )
}

fn log_format(value: &Value) -> Result<LogFormat, String> {
    value::word(value, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
}

fn log_filter(value: &Value) -> Result<String, String> {
    let written = value::text(value)?;
    match tracing_subscriber::EnvFilter::try_new(&written) {
        Ok(_) => Ok(written),
        Err(_) => Err("must be a level, or a filter such as info,rest_social_auth=debug".to_owned()),
    }
}
