//! The typed groups of settings: users, sessions, JWT, knox, outgoing calls, and the REST_SOCIAL ones.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::value::{self, Section, or_none};
use super::{
    DatabaseLimits, JwtAlgorithm, JwtRules, KnoxRules, OutgoingRules, ProviderSettings, RestSocial, SessionRules,
    SettingError, UserRules, addresses, names, pipeline, rights, strength,
};
use crate::model::resembled_name;
use crate::secrets::{ExposeSecret as _, SecretString, ServerKey, Vault};

/// The least bytes of a key that signs or from which others are derived (SEC-29, SEC-47).
pub(super) const LEAST_KEY: usize = 32;

/// A call may take no longer, whatever the settings say.
pub(super) const LONGEST_CALL: Duration = Duration::from_secs(10);

/// `prefix` is `SOCIAL_AUTH_` for everybody and empty for one provider, whose rules stand on everybody's. `steps`: names of
/// a program's own.
pub(super) fn users(
    base: &UserRules,
    section: &Section,
    prefix: &str,
    steps: &[&str],
    errors: &mut Vec<SettingError>,
) -> UserRules {
    let mut rules = base.clone();
    let (emails, domains) = (list_of(addresses::email), list_of(addresses::domain));
    let (names, denied_names) = (list_of(|name| Ok(name.trim().to_owned())), list_of(|name| Ok(resembled_name(name))));
    set(&mut rules.pipeline, section, prefix, "PIPELINE", errors, |value| {
        pipeline::checked(&value::list(value)?, steps)
    });
    set(&mut rules.user_fields, section, prefix, "USER_FIELDS", errors, value::list);
    set(&mut rules.username_is_full_email, section, prefix, "USERNAME_IS_FULL_EMAIL", errors, value::flag);
    set(&mut rules.slugify_usernames, section, prefix, "SLUGIFY_USERNAMES", errors, value::flag);
    set(&mut rules.clean_usernames, section, prefix, "CLEAN_USERNAMES", errors, value::flag);
    set(&mut rules.uuid_length, section, prefix, "UUID_LENGTH", errors, |value| value::whole(value, 4, 32));
    set(&mut rules.email_domain_lowercase, section, prefix, "EMAIL_DOMAIN_LOWERCASE", errors, value::flag);
    set(&mut rules.force_email_lowercase, section, prefix, "FORCE_EMAIL_LOWERCASE", errors, value::flag);
    set(&mut rules.whitelisted_emails, section, prefix, "WHITELISTED_EMAILS", errors, emails);
    set(&mut rules.whitelisted_domains, section, prefix, "WHITELISTED_DOMAINS", errors, domains);
    set(&mut rules.denied_emails, section, prefix, "DENIED_EMAILS", errors, emails);
    set(&mut rules.denied_domains, section, prefix, "DENIED_DOMAINS", errors, domains);
    set(&mut rules.allowed_organizations, section, prefix, "ALLOWED_ORGANIZATIONS", errors, names);
    set(&mut rules.denied_organizations, section, prefix, "DENIED_ORGANIZATIONS", errors, denied_names);
    set(&mut rules.sign_up, section, prefix, "SIGN_UP", errors, value::flag);
    set(&mut rules.protected_user_fields, section, prefix, "PROTECTED_USER_FIELDS", errors, value::list);
    set(&mut rules.immutable_user_fields, section, prefix, "IMMUTABLE_USER_FIELDS", errors, value::list);
    let lifted = &mut rules.no_default_protected_user_fields;
    set(lifted, section, prefix, "NO_DEFAULT_PROTECTED_USER_FIELDS", errors, value::flag);
    set(&mut rules.user_field_mapping, section, prefix, "USER_FIELD_MAPPING", errors, value::texts_by_name);
    set(&mut rules.session_expiration, section, prefix, "SESSION_EXPIRATION", errors, value::flag);
    set(&mut rules.max_session_length, section, prefix, "MAX_SESSION_LENGTH", errors, or_none(value::seconds));
    let said = ["PIPELINE", "USER_FIELDS"].map(|name| format!("{prefix}{name}"));
    if let Some(name) = said.iter().find(|name| section.0.contains_key(*name))
        && rules.pipeline.iter().any(|step| step == "require_email")
        && !rules.user_fields.iter().any(|field| field == "email")
    {
        let problem =
            "require_email needs `email` among the USER_FIELDS, or the address that it asks for would not be kept";
        errors.push(SettingError::new(section.label(name), problem));
    }
    rules
}

fn list_of<T>(check: fn(&str) -> Result<T, String>) -> impl Copy + Fn(&Value) -> Result<Vec<T>, String> {
    move |value: &Value| value::list(value)?.iter().map(|entry| check(entry)).collect()
}

/// The lists that name providers: each one's say in them. A name that no provider has is a mistake.
pub(super) struct ProviderLists {
    trusted: Vec<String>,
    /// Empty: any.
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl ProviderLists {
    pub(super) fn new(section: &Section, known: &[&str], errors: &mut Vec<SettingError>) -> Self {
        let mut list = |name: &str| {
            let read = |value: &Value| {
                let names = value::list(value)?;
                match names.iter().find(|name| !known.contains(&name.as_str())) {
                    Some(unknown) => Err(match names::nearest(unknown, known.iter().copied()) {
                        Some(nearest) => format!("{unknown:?} is not configured; did you mean {nearest}?"),
                        None => format!("{unknown:?} is no configured provider"),
                    }),
                    None => Ok(names),
                }
            };
            section.get(name, errors, read).unwrap_or_default()
        };
        Self {
            trusted: list("SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS"),
            allowed: list("SOCIAL_AUTH_ALLOWED_PROVIDERS"),
            denied: list("SOCIAL_AUTH_DENIED_PROVIDERS"),
        }
    }

    pub(super) fn of(&self, provider: &str, rules: UserRules) -> UserRules {
        let lists = |list: &[String]| list.iter().any(|name| name == provider);
        UserRules {
            trusts_email: lists(&self.trusted),
            email_vouchers: std::iter::once(String::new()).chain(self.trusted.iter().cloned()).collect(),
            may_enter: !lists(&self.denied) && (self.allowed.is_empty() || lists(&self.allowed)),
            ..rules
        }
    }
}

/// The original linked by any address; here a provider must be trusted for that.
pub(super) fn links_nobody(providers: &[ProviderSettings]) -> Option<String> {
    let links =
        |provider: &&ProviderSettings| provider.user_rules.pipeline.iter().any(|step| step == "associate_by_email");
    let mut asked = providers.iter().filter(links).peekable();
    let nobody = asked.peek().is_some() && asked.all(|provider| !provider.user_rules.trusts_email);
    nobody.then(|| {
        "SOCIAL_AUTH_PIPELINE: associate_by_email links nobody while SOCIAL_AUTH_TRUSTED_EMAIL_PROVIDERS names no \
         provider; a login with a known address is refused"
            .to_owned()
    })
}

/// An unverified address is one that the user typed at the provider.
pub(super) fn accepts_unverified(providers: &[ProviderSettings]) -> Option<String> {
    let has_allow_list =
        |rules: &UserRules| !rules.whitelisted_emails.is_empty() || !rules.whitelisted_domains.is_empty();
    let accepts = providers
        .iter()
        .any(|provider| provider.user_rules.allow_lists_accept_unverified && has_allow_list(&provider.user_rules));
    accepts.then(|| {
        "ALLOW_LISTS_ACCEPT_UNVERIFIED_EMAIL: the allow lists accept addresses that no provider has verified; anybody may \
         claim one"
            .to_owned()
    })
}

/// A user may decline the scope of the e-mail address, and so keep a denied one from the server.
pub(super) fn accepts_missing(providers: &[ProviderSettings]) -> Option<String> {
    let accepts = |rules: &UserRules| rules.deny_lists_accept_missing_email && rules.has_denied_addresses();
    providers.iter().any(|provider| accepts(&provider.user_rules)).then(|| {
        "DENY_LISTS_ACCEPT_MISSING_EMAIL: a login without an e-mail address passes the lists of denied addresses and domains"
            .to_owned()
    })
}

/// A list of who may enter is looked at by one step: a pipeline without it would let everybody in.
pub(super) fn unguarded(providers: &[ProviderSettings]) -> Vec<SettingError> {
    let of = |provider: &ProviderSettings| {
        let rules = &provider.user_rules;
        let lists = [
            ("WHITELISTED_EMAILS", rules.whitelisted_emails.is_empty()),
            ("WHITELISTED_DOMAINS", rules.whitelisted_domains.is_empty()),
            ("DENIED_EMAILS", rules.denied_emails.is_empty()),
            ("DENIED_DOMAINS", rules.denied_domains.is_empty()),
            ("ALLOWED_ORGANIZATIONS", rules.allowed_organizations.is_empty()),
            ("DENIED_ORGANIZATIONS", rules.denied_organizations.is_empty()),
        ];
        let (name, _) = lists.into_iter().find(|(_, is_empty)| !is_empty)?;
        let problem = format!("lacks auth_allowed, without which {name} keeps nobody out at {}", provider.name);
        let guarded = rules.pipeline.iter().any(|step| step == "auth_allowed");
        (!guarded).then(|| SettingError::new("SOCIAL_AUTH_PIPELINE", problem))
    };
    providers.iter().filter_map(of).collect()
}

/// Puts what the settings say into `place`, and leaves it where they say nothing.
fn set<T>(
    place: &mut T,
    section: &Section,
    prefix: &str,
    name: &str,
    errors: &mut Vec<SettingError>,
    read: impl FnOnce(&Value) -> Result<T, String>,
) {
    if let Some(value) = section.get(&format!("{prefix}{name}"), errors, read) {
        *place = value;
    }
}

pub(super) fn database(section: &Section, errors: &mut Vec<SettingError>) -> DatabaseLimits {
    let mut limits = DatabaseLimits { call: Duration::from_secs(5), queue: Duration::from_secs(2), connections: 16 };
    set(&mut limits.call, section, "DATABASE_", "TIMEOUT", errors, value::seconds);
    set(&mut limits.queue, section, "DATABASE_", "QUEUE_TIMEOUT", errors, value::seconds);
    set(&mut limits.connections, section, "DATABASE_", "POOL_SIZE", errors, |value| {
        Ok(value::whole(value, 1, 1000)?.try_into().unwrap_or(u32::MAX))
    });
    limits
}

pub(super) fn sessions(section: &Section, errors: &mut Vec<SettingError>) -> SessionRules {
    let mut rules = SessionRules { age: Duration::from_secs(14 * 86_400), idle: None };
    set(&mut rules.age, section, "SESSION_", "COOKIE_AGE", errors, value::seconds);
    set(&mut rules.idle, section, "SESSION_", "IDLE_TIMEOUT", errors, or_none(value::seconds));
    rules
}

pub(super) fn rest_social(section: &Section, has_origins: bool, errors: &mut Vec<SettingError>) -> RestSocial {
    let prefix = "REST_SOCIAL_";
    let mut rules = RestSocial {
        oauth_redirect_uri: "/".to_owned(),
        oauth_absolute_redirect_uri: None,
        domain_from_origin: has_origins,
        log_auth_exceptions: true,
        verbose_errors: false,
        redirect_is_https: false,
        is_new: false,
        editable_user_fields: Vec::new(),
    };
    set(&mut rules.oauth_redirect_uri, section, prefix, "OAUTH_REDIRECT_URI", errors, addresses::redirect_path);
    let absolute = |value: &Value| {
        let written = value::text(value)?;
        addresses::redirect_uri(&written).map(|_| written)
    };
    let place = &mut rules.oauth_absolute_redirect_uri;
    set(place, section, prefix, "OAUTH_ABSOLUTE_REDIRECT_URI", errors, or_none(absolute));
    set(&mut rules.domain_from_origin, section, prefix, "DOMAIN_FROM_ORIGIN", errors, value::flag);
    set(&mut rules.log_auth_exceptions, section, prefix, "LOG_AUTH_EXCEPTIONS", errors, value::flag);
    set(&mut rules.is_new, section, prefix, "IS_NEW", errors, value::flag);
    set(&mut rules.editable_user_fields, section, prefix, "EDITABLE_USER_FIELDS", errors, |value| {
        const STOCK: [&str; 4] = ["username", "first_name", "last_name", "email"];
        let fields = value::list(value)?;
        match fields.iter().find(|field| !STOCK.contains(&field.as_str())) {
            Some(field) => {
                Err(format!("{field:?} is none of {}; a declared field says `editable` itself", STOCK.join(", ")))
            }
            None => Ok(fields),
        }
    });
    set(&mut rules.verbose_errors, section, prefix, "VERBOSE_ERRORS", errors, value::flag);
    set(&mut rules.redirect_is_https, section, "SOCIAL_AUTH_", "REDIRECT_IS_HTTPS", errors, value::flag);
    rules
}

/// `0` lets a login of any age do.
pub(super) fn fresh_login_age(section: &Section, errors: &mut Vec<SettingError>) -> Option<Duration> {
    let age = section.get("FRESH_LOGIN_AGE", errors, value::seconds_or_none).unwrap_or(Duration::from_secs(900));
    (!age.is_zero()).then_some(age)
}

const MAX_SHUTDOWN_DELAY: Duration = Duration::from_secs(300);

pub(super) fn shutdown_delay(value: &Value) -> Result<Duration, String> {
    let delay = value::seconds_or_none(value)?;
    if delay > MAX_SHUTDOWN_DELAY {
        return Err(format!("must be {} seconds at most", MAX_SHUTDOWN_DELAY.as_secs()));
    }
    Ok(delay)
}

/// `0` keeps the audit trail for good.
pub(super) fn audit_retention(section: &Section, errors: &mut Vec<SettingError>) -> Option<Duration> {
    const USUAL: Duration = Duration::from_secs(90 * 24 * 3600);
    retention(section, "AUDIT_RETENTION", USUAL, errors)
}

/// Whole seconds; `0`: for good.
pub(super) fn retention(
    section: &Section,
    name: &str,
    usual: Duration,
    errors: &mut Vec<SettingError>,
) -> Option<Duration> {
    const CENTURY: usize = 100 * 366 * 24 * 3600;
    let whole = |value: &Value| value::whole(value, 0, CENTURY).map(|seconds| Duration::from_secs(seconds as u64));
    Some(section.get(name, errors, whole).unwrap_or(usual)).filter(|span| !span.is_zero())
}

/// The keys of what is kept sealed; `None` where nothing is kept.
pub(super) fn vault(
    section: &Section,
    secret_key: &SecretString,
    errors: &mut Vec<SettingError>,
) -> Option<Arc<Vault>> {
    let wanted = section.get("STORE_PROVIDER_TOKENS", errors, value::flag).unwrap_or(false);
    let keys = section.get("ENCRYPTION_KEYS", errors, |value| {
        let keys = value::list(value)?.iter().map(|entry| encryption_key(entry)).collect::<Result<Vec<_>, String>>()?;
        let twice = keys.iter().enumerate().find(|(at, (name, _))| keys[..*at].iter().any(|(other, _)| other == name));
        match twice {
            Some((_, (name, _))) => Err(format!("has two keys of the name {name}")),
            None => Ok(keys),
        }
    });
    let derived = || vec![("secret-key".to_owned(), ServerKey::new(secret_key).derive("provider tokens", &[]))];
    wanted.then(|| Arc::new(Vault::new(keys.filter(|keys| !keys.is_empty()).unwrap_or_else(derived))))
}

/// `name:base64`; the text of a mistake shows no part of a key.
fn encryption_key(entry: &str) -> Result<(String, [u8; 32]), String> {
    const WRONG: &str =
        "must be a list of name:key, each key 32 bytes in base64, such as `openssl rand -base64 32` prints";
    let (name, key) = entry.split_once(':').ok_or(WRONG)?;
    let named =
        !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let bytes = STANDARD.decode(key.trim()).map_err(|_| WRONG)?;
    let key: [u8; 32] = bytes.try_into().map_err(|_| WRONG)?;
    strength::check(&key).map_err(|problem| format!("a key {problem}"))?;
    if named { Ok((name.to_owned(), key)) } else { Err(WRONG.to_owned()) }
}

const ALGORITHMS: [(&str, JwtAlgorithm); 6] = [
    ("HS256", JwtAlgorithm::HS256),
    ("HS384", JwtAlgorithm::HS384),
    ("HS512", JwtAlgorithm::HS512),
    ("RS256", JwtAlgorithm::RS256),
    ("ES256", JwtAlgorithm::ES256),
    ("EdDSA", JwtAlgorithm::EdDSA),
];

pub(super) fn jwt(section: &Section, secret_key: &SecretString, errors: &mut Vec<SettingError>) -> JwtRules {
    let prefix = "SIMPLE_JWT_";
    let mut rules = JwtRules { signing_key: secret_key.clone(), ..JwtRules::default() };
    set(&mut rules.algorithm, section, prefix, "ALGORITHM", errors, |value| value::word(value, &ALGORITHMS));
    set(&mut rules.access_lifetime, section, prefix, "ACCESS_TOKEN_LIFETIME", errors, value::seconds);
    set(&mut rules.refresh_lifetime, section, prefix, "REFRESH_TOKEN_LIFETIME", errors, value::seconds);
    set(&mut rules.sliding_lifetime, section, prefix, "SLIDING_TOKEN_LIFETIME", errors, value::seconds);
    let place = &mut rules.sliding_refresh_lifetime;
    set(place, section, prefix, "SLIDING_TOKEN_REFRESH_LIFETIME", errors, value::seconds);
    set(&mut rules.rotate_refresh_tokens, section, prefix, "ROTATE_REFRESH_TOKENS", errors, value::flag);
    set(&mut rules.blacklist_after_rotation, section, prefix, "BLACKLIST_AFTER_ROTATION", errors, value::flag);
    set(&mut rules.audience, section, prefix, "AUDIENCE", errors, or_none(value::text));
    set(&mut rules.issuer, section, prefix, "ISSUER", errors, or_none(value::text));
    set(&mut rules.leeway, section, prefix, "LEEWAY", errors, value::seconds_or_none);
    set(&mut rules.user_id_claim, section, prefix, "USER_ID_CLAIM", errors, value::text);
    set(&mut rules.token_type_claim, section, prefix, "TOKEN_TYPE_CLAIM", errors, value::text);
    set(&mut rules.jti_claim, section, prefix, "JTI_CLAIM", errors, value::text);
    let place = &mut rules.sliding_refresh_exp_claim;
    set(place, section, prefix, "SLIDING_TOKEN_REFRESH_EXP_CLAIM", errors, value::text);
    set(&mut rules.auth_header_types, section, prefix, "AUTH_HEADER_TYPES", errors, |value| {
        let schemes = value::list(value)?;
        let good = !schemes.is_empty() && schemes.iter().all(|scheme| is_scheme(scheme));
        if good { Ok(schemes) } else { Err("must be words such as Bearer".to_owned()) }
    });
    check_claims(section, &rules, errors);
    jwt_keys(section, &mut rules, errors);
    rules
}

/// A claim that decides whose token it is must hold nothing that a user or a provider chose.
fn check_claims(section: &Section, rules: &JwtRules, errors: &mut Vec<SettingError>) {
    const OF_THE_USER: [&str; 4] = ["username", "first_name", "last_name", "email"];
    let mut taken = vec!["exp", "iat", "nbf", "aud", "iss", super::GENERATION_CLAIM];
    for (name, claim) in [
        ("SIMPLE_JWT_TOKEN_TYPE_CLAIM", &rules.token_type_claim),
        ("SIMPLE_JWT_JTI_CLAIM", &rules.jti_claim),
        ("SIMPLE_JWT_SLIDING_TOKEN_REFRESH_EXP_CLAIM", &rules.sliding_refresh_exp_claim),
        ("SIMPLE_JWT_USER_ID_CLAIM", &rules.user_id_claim),
    ] {
        if OF_THE_USER.contains(&claim.as_str()) {
            let problem = format!("{claim} is a claim of `-user` tokens, and the user may choose what it says");
            errors.push(SettingError::new(section.label(name), problem));
        } else if taken.contains(&claim.as_str()) {
            errors.push(SettingError::new(section.label(name), "is the name of another claim"));
        }
        taken.push(claim);
    }
}

fn jwt_keys(section: &Section, rules: &mut JwtRules, errors: &mut Vec<SettingError>) {
    let own = secret(section, "SIMPLE_JWT_SIGNING_KEY", errors);
    rules.verifying_key = public_text(section, "SIMPLE_JWT_VERIFYING_KEY", errors);
    let shared = matches!(rules.algorithm, JwtAlgorithm::HS256 | JwtAlgorithm::HS384 | JwtAlgorithm::HS512);
    let (name, given) = ("SIMPLE_JWT_SIGNING_KEY", own.is_some());
    if let Some(key) = own {
        rules.signing_key = key;
    }
    if shared {
        if given && rules.signing_key.expose_secret().len() < LEAST_KEY {
            let problem = format!("must have at least {LEAST_KEY} bytes");
            errors.push(SettingError::new(section.label(name), problem));
        } else if given && let Err(problem) = strength::check(rules.signing_key.expose_secret().as_bytes()) {
            errors.push(SettingError::new(section.label(name), problem));
        }
        return;
    }
    if !given {
        errors.push(SettingError::new(name, "must be a private key in PEM form for this SIMPLE_JWT_ALGORITHM"));
    }
    if rules.verifying_key.is_none() {
        let problem = "must be the public key in PEM form for this SIMPLE_JWT_ALGORITHM";
        errors.push(SettingError::new("SIMPLE_JWT_VERIFYING_KEY", problem));
    }
}

/// A secret from its setting, or from the file that `<NAME>_FILE` names.
pub(super) fn secret(section: &Section, name: &str, errors: &mut Vec<SettingError>) -> Option<SecretString> {
    text_or_file(section, name, true, errors).map(SecretString::from)
}

fn public_text(section: &Section, name: &str, errors: &mut Vec<SettingError>) -> Option<String> {
    text_or_file(section, name, false, errors)
}

fn text_or_file(section: &Section, name: &str, secret: bool, errors: &mut Vec<SettingError>) -> Option<String> {
    let by_file = format!("{name}_FILE");
    let text = section.get(name, errors, value::text);
    let file = section.get(&by_file, errors, |value| {
        let path = value::text(value)?;
        let path = Path::new(path.trim());
        if secret && rights::is_open_to_all(path) {
            return Err(
                "may be read or changed by everybody on this machine; take that right away (chmod o-rw)".to_owned()
            );
        }
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    });
    let from_environment = |name: &str| section.0.get(name).is_some_and(|found| !found.in_file);
    match (text, file) {
        (Some(text), Some(file)) => match (from_environment(name), from_environment(&by_file)) {
            (true, false) => Some(text),
            (false, true) => Some(file),
            _ => {
                let problem = format!("stands beside {}; one of them is enough", section.label(&by_file));
                errors.push(SettingError::new(section.label(name), problem));
                Some(text)
            }
        },
        (text, file) => text.or(file),
    }
}

pub(super) fn knox(section: &Section, errors: &mut Vec<SettingError>) -> KnoxRules {
    let prefix = "REST_KNOX_";
    let mut rules = KnoxRules {
        ttl: Some(Duration::from_secs(36_000)),
        character_length: 64,
        limit_per_user: None,
        prefix: String::new(),
        auto_refresh: false,
        auto_refresh_max_ttl: None,
        min_refresh_interval: Duration::from_secs(60),
        auth_header_prefix: "Token".to_owned(),
    };
    set(&mut rules.ttl, section, prefix, "TOKEN_TTL", errors, or_none(value::seconds));
    let place = &mut rules.character_length;
    set(place, section, prefix, "AUTH_TOKEN_CHARACTER_LENGTH", errors, |value| value::whole(value, 32, 256));
    set(&mut rules.prefix, section, prefix, "TOKEN_PREFIX", errors, |value| {
        let text = value::text(value)?;
        let good = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        if good { Ok(text) } else { Err("must be at most 10 letters, digits and - . _ ~".to_owned()) }
    });
    set(&mut rules.auto_refresh, section, prefix, "AUTO_REFRESH", errors, value::flag);
    set(&mut rules.auto_refresh_max_ttl, section, prefix, "AUTO_REFRESH_MAX_TTL", errors, or_none(value::seconds));
    set(&mut rules.min_refresh_interval, section, prefix, "MIN_REFRESH_INTERVAL", errors, value::seconds_or_none);
    set(&mut rules.auth_header_prefix, section, prefix, "AUTH_HEADER_PREFIX", errors, |value| {
        let text = value::text(value)?;
        if is_scheme(&text) { Ok(text) } else { Err("must be a word such as Token".to_owned()) }
    });
    section.get("REST_KNOX_SECURE_HASH_ALGORITHM", errors, |value| {
        let name = value::text(value)?.to_ascii_uppercase().replace('-', "");
        if name.ends_with("SHA512") { Ok(()) } else { Err("must be SHA-512".to_owned()) }
    });
    let limit = |value: &Value| value::whole(value, 1, 1_000_000).map(|limit| limit as i64);
    set(&mut rules.limit_per_user, section, prefix, "TOKEN_LIMIT_PER_USER", errors, or_none(limit));
    rules
}

pub(super) fn outgoing(section: &Section, errors: &mut Vec<SettingError>, warnings: &mut Vec<String>) -> OutgoingRules {
    let mut rules = OutgoingRules {
        https_proxy: None,
        http_proxy: None,
        no_proxy: None,
        extra_roots: None,
        allow_private: false,
        connect_timeout: Duration::from_secs(5),
        timeout: LONGEST_CALL,
        login_timeout: Duration::from_secs(15),
        user_agent: concat!("rest-social-auth/", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    let some = |read: fn(&Value) -> Result<url::Url, String>| move |value: &Value| read(value).map(Some);
    set(&mut rules.https_proxy, section, "HTTPS_", "PROXY", errors, some(addresses::proxy));
    set(&mut rules.http_proxy, section, "HTTP_", "PROXY", errors, some(addresses::proxy));
    set(&mut rules.no_proxy, section, "NO_", "PROXY", errors, |value| value::text(value).map(Some));
    set(&mut rules.extra_roots, section, "SSL_", "CERT_FILE", errors, |value| {
        value::text(value).map(|path| Some(path.trim().into()))
    });
    set(&mut rules.allow_private, section, "OUTGOING_", "ALLOW_PRIVATE", errors, value::flag);
    set(&mut rules.user_agent, section, "SOCIAL_AUTH_", "USER_AGENT", errors, |value| {
        let text = value::text(value)?;
        let good = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if good { Ok(text) } else { Err("must be ASCII text, as a header holds it".to_owned()) }
    });
    for name in ["URLOPEN_TIMEOUT", "REQUESTS_TIMEOUT"] {
        set(&mut rules.timeout, section, "SOCIAL_AUTH_", name, errors, value::seconds);
    }
    if rules.timeout > LONGEST_CALL {
        warnings
            .push("SOCIAL_AUTH_REQUESTS_TIMEOUT: a provider call takes at most 10 s, whatever this says".to_owned());
        rules.timeout = LONGEST_CALL;
    }
    rules
}

/// A token of RFC 9110, as the scheme of a header is.
fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
