//! The settings of one provider, typed by its descriptor: known names, types, defaults, what is missing. Called once,
//! at start; every mistake is told by the name that the operator wrote.

use serde_json::{Map, Value};
use url::Url;

use super::descriptor::Descriptor;
use super::expression::{SettingValues, is_filled};
use crate::settings::{ProviderSettings, SettingError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Address,
    Flag,
    Number,
    List,
    Object,
}

/// Settings that every provider has.
const COMMON: [(Type, &str); 6] = [
    (
        Type::Text,
        "KEY SECRET ID_KEY VARIANT ID_TOKEN_ISSUER TOKEN_ENDPOINT_AUTH_METHOD DISPLAY PROMPT MAX_AGE UI_LOCALES \
         ID_TOKEN_HINT LOGIN_HINT ACR_VALUES",
    ),
    (Type::Address, "AUTHORIZATION_URL ACCESS_TOKEN_URL REVOKE_TOKEN_URL USERINFO_URL OIDC_ENDPOINT JWKS_URI"),
    (Type::Flag, "IGNORE_DEFAULT_SCOPE GET_ALL_EXTRA_DATA USE_PKCE"),
    (Type::Number, "ID_TOKEN_MAX_AGE JWT_LEEWAY"),
    (Type::List, "SCOPE EXTRA_DATA LEGACY_ID_KEYS ALLOW_GROUPS JWT_ALGORITHMS CLIENT_IDS"),
    (Type::Object, "AUTH_EXTRA_ARGUMENTS REQUEST_TOKEN_EXTRA_ARGUMENTS"),
];

/// Settings of the user's side, which `settings::UserRules` reads.
const ELSEWHERE: &str = "PIPELINE USER_FIELDS USERNAME_IS_FULL_EMAIL SLUGIFY_USERNAMES CLEAN_USERNAMES UUID_LENGTH \
     EMAIL_DOMAIN_LOWERCASE FORCE_EMAIL_LOWERCASE WHITELISTED_EMAILS WHITELISTED_DOMAINS PROTECTED_USER_FIELDS IMMUTABLE_USER_FIELDS \
     NO_DEFAULT_PROTECTED_USER_FIELDS USER_FIELD_MAPPING SESSION_EXPIRATION MAX_SESSION_LENGTH";

/// Settings of the original without an effect here, and why.
const WITHOUT_EFFECT: [(&str, &str); 15] = [
    ("REQUESTS_TIMEOUT", "time limits hold for all outgoing calls"),
    ("URLOPEN_TIMEOUT", "time limits hold for all outgoing calls"),
    ("PROXIES", "set HTTPS_PROXY"),
    ("VERIFY_SSL", "certificates are always verified; SSL_CERT_FILE adds roots"),
    ("USER_AGENT", "all outgoing calls have one"),
    ("STATE_LIFETIME", "a begun login lives ten minutes"),
    ("NONCE_LIFETIME", "a begun login lives ten minutes"),
    ("PKCE_CODE_CHALLENGE_METHOD", "only S256 is used"),
    ("PKCE_CODE_VERIFIER_LENGTH", "a verifier has 43 characters"),
    ("JWT_DECODE_OPTIONS", "id_tokens are always checked in full"),
    ("ID_TOKEN_DECRYPTION_KEY", "encrypted id_tokens are not accepted"),
    ("AUTH_EXTRA_ARGUMENTS_OVERRIDE_ALLOWLIST", "a request cannot override the extra arguments"),
    ("GROUPS_MISSING_AS_EMPTY", "missing groups are no groups"),
    ("GROUPS_ENABLED", "users have no groups here"),
    ("GROUPS_MAP", "users have no groups here"),
];

/// What the settings say once they are typed; defaults of the descriptor included, empty texts left out.
#[derive(Debug, Default)]
pub struct Config {
    pub values: SettingValues,
    pub warnings: Vec<String>,
}

pub fn read(
    settings: &ProviderSettings,
    rules: &Descriptor,
    allow_plain_http: bool,
) -> Result<Config, Vec<SettingError>> {
    let mut config = Config::default();
    let mut errors = unknown_names(settings, rules, &mut config.warnings);
    for (name, kind) in known(rules) {
        let given = settings.get(name).and_then(|value| typed(value, kind).transpose());
        match given {
            Some(Ok(value)) => {
                if kind == Type::Address && value.as_str().is_some_and(|url| url.starts_with("http:")) {
                    let note = if allow_plain_http { "is plain http" } else { "is plain http, which is not called" };
                    config.warnings.push(format!("{} {note}", shown(settings, name)));
                }
                config.values.insert(name.to_owned(), value);
            }
            Some(Err(problem)) => errors.push(SettingError::new(shown(settings, name), problem)),
            None => {
                if let Some(value) = rules.settings.defaults.get(name).filter(|value| !value.is_null()) {
                    config.values.insert(name.to_owned(), value.clone());
                }
            }
        }
    }
    for (name, variables) in &rules.settings.environment {
        let given = variables.iter().find_map(|variable| std::env::var(variable).ok().filter(|text| !text.is_empty()));
        if let Some(text) = given.filter(|_| !config.values.contains_key(name)) {
            config.values.insert(name.clone(), Value::from(text));
        }
    }
    let one_of = &rules.settings.one_of;
    if let Some(first) = one_of.first()
        && !one_of.iter().any(|name| config.values.get(name).is_some_and(is_filled))
    {
        errors.push(SettingError::new(shown(settings, first), format!("one of {} is needed", one_of.join(", "))));
    }
    for name in &rules.settings.required {
        let wrong_anyway = errors.iter().any(|error| error.name == shown(settings, name));
        if !wrong_anyway && !config.values.get(name).is_some_and(is_filled) {
            errors.push(SettingError::new(shown(settings, name), format!("is needed for {}", rules.title)));
        }
    }
    if errors.is_empty() { Ok(config) } else { Err(errors) }
}

/// A setting's name as the operator wrote it, or would write it.
pub fn shown(settings: &ProviderSettings, name: &str) -> String {
    if settings.in_file.contains(name) || !settings.descriptor.is_empty() && !settings.values.contains_key(name) {
        return format!("providers.{}.{}", settings.name, name.to_ascii_lowercase());
    }
    if !settings.values.contains_key(name) && settings.shared.contains_key(name) {
        return format!("SOCIAL_AUTH_{name}");
    }
    format!("SOCIAL_AUTH_{}_{name}", settings.name.to_ascii_uppercase().replace('-', "_"))
}

fn known(rules: &Descriptor) -> Vec<(&str, Type)> {
    let declared = rules.settings.required.iter().chain(&rules.settings.optional).map(String::as_str);
    let defaults = rules.settings.defaults.iter().map(|(name, value)| (name.as_str(), type_of(name, Some(value))));
    let common = COMMON.iter().flat_map(|(kind, names)| names.split_whitespace().map(|name| (name, *kind)));
    let mut known: Vec<(&str, Type)> = common.collect();
    for (name, kind) in defaults.chain(declared.map(|name| (name, type_of(name, None)))) {
        if !known.iter().any(|(other, _)| *other == name) {
            known.push((name, kind));
        }
    }
    known
}

fn type_of(name: &str, default: Option<&Value>) -> Type {
    match default {
        Some(Value::Bool(_)) => Type::Flag,
        Some(Value::Number(_)) => Type::Number,
        Some(Value::Array(_)) => Type::List,
        Some(Value::Object(_)) => Type::Object,
        _ if name == "URL" || ["_URL", "_URI", "_ENDPOINT"].iter().any(|end| name.ends_with(end)) => Type::Address,
        _ if name.ends_with("_PARAMS") => Type::Object,
        _ if name.starts_with("USE_") || name.ends_with("_ENABLED") => Type::Flag,
        _ => Type::Text,
    }
}

/// `Ok(None)`: the setting says nothing.
fn typed(value: &Value, kind: Type) -> Result<Option<Value>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => Some(text.trim()),
        _ => None,
    };
    let value = match (kind, value, text) {
        (Type::Text, Value::Number(number), _) => Value::from(number.to_string()),
        (Type::Text, _, Some(text)) => Value::from(text),
        (Type::Address, _, Some(text)) => Value::from(address(text)?),
        (Type::Flag, Value::Bool(flag), _) => Value::from(*flag),
        (Type::Flag, _, Some("true" | "True" | "1")) => Value::from(true),
        (Type::Flag, _, Some("false" | "False" | "0")) => Value::from(false),
        (Type::Number, Value::Number(_), _) => value.clone(),
        (Type::Number, _, Some(text)) => {
            let number: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
            serde_json::Number::from_f64(number).map(Value::Number).ok_or("must be a number")?
        }
        (Type::List, Value::Array(_), _) => value.clone(),
        (Type::List, _, Some(text)) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
        (Type::Object, Value::Object(_), _) => value.clone(),
        (Type::Text | Type::Address, ..) => return Err("must be a text".to_owned()),
        (Type::Flag, ..) => return Err("must be true or false".to_owned()),
        (Type::Number, ..) => return Err("must be a number".to_owned()),
        (Type::List, ..) => return Err("must be a list: JSON, or texts with commas between".to_owned()),
        (Type::Object, ..) => return Err("must be a JSON object".to_owned()),
    };
    Ok(Some(value))
}

/// A base URL of the settings, as it is (SEC-38).
fn address(text: &str) -> Result<&str, String> {
    let url = Url::parse(text).map_err(|_| "must be an absolute URL".to_owned())?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        return Err("must be an https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must be a URL without user, password and fragment".to_owned());
    }
    Ok(text)
}

fn unknown_names(settings: &ProviderSettings, rules: &Descriptor, warnings: &mut Vec<String>) -> Vec<SettingError> {
    let known: Vec<&str> = known(rules).into_iter().map(|(name, _)| name).chain(ELSEWHERE.split_whitespace()).collect();
    let mut errors = Vec::new();
    for name in settings.values.keys() {
        if known.contains(&name.as_str()) {
            continue;
        }
        let shown = shown(settings, name);
        if let Some((_, why)) = WITHOUT_EFFECT.iter().find(|(other, _)| other == name) {
            warnings.push(format!("{shown} has no effect: {why}"));
            continue;
        }
        let near = known.iter().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        let hint = near.map(|near| format!("unknown setting; the nearest is {near}")).unwrap_or_default();
        if settings.in_file.contains(name) {
            errors.push(SettingError::new(shown, hint));
        } else {
            warnings.push(format!("{shown}: {hint}"));
        }
    }
    errors
}

/// An object of the settings as parameters: texts and numbers, nothing nested.
pub fn pairs(values: &SettingValues, name: &str) -> Vec<(String, String)> {
    let empty = Map::new();
    let object = values.get(name).and_then(Value::as_object).unwrap_or(&empty);
    object.iter().filter_map(|(name, value)| Some((name.clone(), super::expression::as_text(value)?))).collect()
}

pub fn texts(values: &SettingValues, name: &str) -> Vec<String> {
    values
        .get(name)
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(super::expression::as_text).collect())
        .unwrap_or_default()
}

pub fn flag(values: &SettingValues, name: &str) -> Option<bool> {
    values.get(name).and_then(Value::as_bool)
}

pub fn text<'a>(values: &'a SettingValues, name: &str) -> Option<&'a str> {
    values.get(name).and_then(Value::as_str)
}

/// Whole seconds, rounded up.
pub fn seconds(values: &SettingValues, name: &str) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "a float that does not fit saturates, which is what is wanted")]
    values.get(name).and_then(Value::as_f64).map(|seconds| seconds.max(0.0).ceil() as i64)
}
