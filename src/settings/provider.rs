//! The settings of one provider: untyped as the operator wrote them, then typed by what its descriptor declares (known
//! names, defaults, what is needed). `provider/` asks once, at start; every mistake is told by the name as it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::names::{self, USER_RULES};
use super::{SettingError, UserRules, value};
use crate::model::{as_text, is_filled};

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
    (Type::Flag, "IGNORE_DEFAULT_SCOPE GET_ALL_EXTRA_DATA PLAIN_BASIC USE_PKCE USERINFO_WITHOUT_SUB"),
    (Type::Number, "ID_TOKEN_MAX_AGE JWT_LEEWAY"),
    (
        Type::List,
        "SCOPE EXTRA_DATA LEGACY_ID_KEYS FORMER_ISSUERS ALLOW_GROUPS JWT_ALGORITHMS CLIENT_IDS TRUSTED_AUDIENCES",
    ),
    (Type::Object, "AUTH_EXTRA_ARGUMENTS REQUEST_TOKEN_EXTRA_ARGUMENTS"),
];

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

/// What the settings say of one provider, names in upper case as in SOCIAL_AUTH_<PROVIDER>_<NAME>.
#[derive(Clone)]
pub struct ProviderSettings {
    pub name: String,
    /// Values from the environment are text (or JSON where they read as an object or a list); from the file, as typed.
    pub values: BTreeMap<String, Value>,
    /// Those of `values` that stand in the settings file: an unknown name is an error there, in the environment a warning.
    pub in_file: BTreeSet<String>,
    /// SOCIAL_AUTH_<NAME> without a provider, which holds for all.
    pub shared: BTreeMap<String, Value>,
    /// Descriptor fields of an operator's own provider, as in the file.
    pub descriptor: toml::Table,
    /// `users`, with the settings that this provider has of its own.
    pub user_rules: UserRules,
}

/// The settings of a provider as its descriptor types them, without those that are wrong.
#[derive(Debug)]
pub struct TypedSettings {
    pub values: SettingValues,
    /// What an operator should know at start.
    pub warnings: Vec<String>,
    pub errors: Vec<SettingError>,
}

impl ProviderSettings {
    /// SOCIAL_AUTH_<PROVIDER>_<NAME>, then SOCIAL_AUTH_<NAME>.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).or_else(|| self.shared.get(name))
    }

    /// A setting's name as the operator wrote it, or would write it.
    pub fn shown(&self, name: &str) -> String {
        if self.in_file.contains(name) || !self.descriptor.is_empty() && !self.values.contains_key(name) {
            return format!("providers.{}.{}", self.name, name.to_ascii_lowercase());
        }
        if !self.values.contains_key(name) && self.shared.contains_key(name) {
            return format!("SOCIAL_AUTH_{name}");
        }
        format!("SOCIAL_AUTH_{}_{name}", self.name.to_ascii_uppercase().replace('-', "_"))
    }

    /// `title`: the provider's, for people.
    pub fn typed(&self, rules: &SettingRules, title: &str, allow_plain_http: bool) -> TypedSettings {
        let (mut values, mut warnings) = (BTreeMap::new(), Vec::new());
        let mut errors = self.unknown_names(rules, &mut warnings);
        for (name, kind) in known(rules) {
            match self.get(name).and_then(|value| typed(value, kind).transpose()) {
                Some(Ok(value)) => {
                    if let Some(parameter) = protocol_parameter(name, kind, &value) {
                        let problem = format!("holds {parameter}, which this server sets itself; take it out");
                        errors.push(SettingError::new(self.shown(name), problem));
                    }
                    if kind == Type::Address && value.as_str().is_some_and(|url| url.starts_with("http:")) {
                        let not_called = if allow_plain_http { "" } else { ", which is not called" };
                        warnings.push(format!("{} is plain http{not_called}", self.shown(name)));
                    }
                    values.insert(name.to_owned(), value);
                }
                Some(Err(problem)) => errors.push(SettingError::new(self.shown(name), problem)),
                None => {
                    let default = rules.defaults.get(name).filter(|value| !value.is_null());
                    values.extend(default.map(|value| (name.to_owned(), value.clone())));
                }
            }
        }
        for (name, variables) in &rules.environment {
            let mut given = variables.iter().filter_map(|variable| std::env::var(variable).ok());
            if let Some(text) = given.find(|text| !text.is_empty() && !values.contains_key(name)) {
                values.insert(name.clone(), Value::from(text));
            }
        }
        let lacks = |name: &String| !values.get(name).is_some_and(is_filled);
        if !rules.one_of.is_empty() && rules.one_of.iter().all(lacks) {
            let problem = format!("one of {} is needed", rules.one_of.join(", "));
            errors.push(SettingError::new(self.shown(&rules.one_of[0]), problem));
        }
        for name in rules.required.iter().filter(|name| lacks(name)) {
            let shown = self.shown(name);
            if !errors.iter().any(|error| error.name == shown) {
                errors.push(SettingError::new(shown, format!("is needed for {title}")));
            }
        }
        TypedSettings { values: SettingValues(values), warnings, errors }
    }

    fn unknown_names(&self, rules: &SettingRules, warnings: &mut Vec<String>) -> Vec<SettingError> {
        let known: Vec<&str> = known(rules).into_iter().map(|(name, _)| name).chain(USER_RULES).collect();
        let mut errors = Vec::new();
        for name in self.values.keys() {
            if known.contains(&name.as_str()) {
                continue;
            }
            let shown = self.shown(name);
            if let Some((_, why)) = WITHOUT_EFFECT.iter().find(|(other, _)| other == name) {
                warnings.push(format!("{shown} has no effect: {why}"));
                continue;
            }
            let in_file = self.in_file.contains(name);
            let near = names::nearest(name, known.iter().copied());
            let whole = near.map(|near| {
                let near = if in_file { near.to_ascii_lowercase() } else { near.to_owned() };
                format!("{}{near}", &shown[..shown.len() - name.len()])
            });
            let problem = format!("no setting of this name is known{}", names::hint(whole.as_deref()));
            let error = SettingError::new(shown, problem);
            if in_file || near.is_some_and(names::says_who_may_enter) {
                errors.push(error);
            } else {
                warnings.push(error.to_string());
            }
        }
        errors
    }
}

/// Names only: secrets are among the values.
impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("name", &self.name)
            .field("values", &self.values.keys().collect::<Vec<_>>())
            .field("descriptor", &self.descriptor.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What a descriptor says of its settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingRules {
    /// Names, in upper case, besides KEY and SECRET.
    pub required: Vec<String>,
    /// Names of which one is needed.
    pub one_of: Vec<String>,
    /// Variables of the environment that give a setting which is not set otherwise, because a platform sets them.
    pub environment: BTreeMap<String, Vec<String>>,
    /// Names without a default. Those that every provider has need not be listed.
    pub optional: Vec<String>,
    /// Names with their default.
    pub defaults: Map<String, Value>,
}

/// What the settings say once they are typed; defaults of the descriptor included, empty texts left out.
#[derive(Debug, Default)]
pub struct SettingValues(BTreeMap<String, Value>);

impl FromIterator<(String, Value)> for SettingValues {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl SettingValues {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(as_text).collect()
    }

    /// An object as parameters: texts and numbers, nothing nested.
    pub fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let object = self.get(name).and_then(Value::as_object);
        object.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), as_text(value)?))).collect()
    }

    /// Whole seconds, rounded up.
    pub fn seconds(&self, name: &str) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "a float that does not fit saturates: that is wanted")]
        self.get(name).and_then(Value::as_f64).map(|seconds| seconds.max(0.0).ceil() as i64)
    }
}

impl SettingRules {
    /// Names of settings that every provider has.
    pub fn common() -> impl Iterator<Item = &'static str> {
        COMMON.iter().flat_map(|(_, names)| names.split_whitespace())
    }
}

fn known(rules: &SettingRules) -> Vec<(&str, Type)> {
    let declared = rules.required.iter().chain(&rules.optional).map(String::as_str);
    let defaults = rules.defaults.iter().map(|(name, value)| (name.as_str(), type_of(name, Some(value))));
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

/// Parameters that tie a login together, or say who asks for what: no setting may replace them.
const PROTOCOL_PARAMETERS: [&str; 22] = [
    "state",
    "nonce",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "redirect_uri",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "response_type",
    "response_mode",
    "scope",
    "request",
    "request_uri",
    "registration",
    "grant_type",
    "access_token",
    "refresh_token",
    "id_token",
    "appsecret_proof",
];

/// The first protocol parameter in a setting that adds parameters to a request, or to the query of an address.
fn protocol_parameter(name: &str, kind: Type, value: &Value) -> Option<String> {
    let is_first_call = name == "REQUEST_TOKEN_EXTRA_ARGUMENTS";
    let is_protocol = |parameter: &String| {
        let parameter = parameter.trim().to_ascii_lowercase();
        let is_oauth1 = parameter.starts_with("oauth_") || parameter.starts_with("openid.");
        // OAuth 1.0a itself has no scope; providers that know one take it there.
        let is_named = PROTOCOL_PARAMETERS.contains(&parameter.as_str()) && !(is_first_call && parameter == "scope");
        is_oauth1 || is_named
    };
    let mut parameters: Box<dyn Iterator<Item = String>> = match (kind, value) {
        (Type::Object, Value::Object(members)) if name.ends_with("_ARGUMENTS") || name.ends_with("_PARAMS") => {
            Box::new(members.keys().cloned())
        }
        (Type::Address, Value::String(text)) => {
            let url = Url::parse(text).ok()?;
            let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
            Box::new(names.into_iter())
        }
        _ => return None,
    };
    parameters.find(is_protocol)
}

/// `Ok(None)`: the setting says nothing.
fn typed(value: &Value, kind: Type) -> Result<Option<Value>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::String(text) if text.trim().is_empty() => return Ok(None),
        Value::String(text) => Some(text.trim()),
        _ => None,
    };
    let typed = match (kind, value, text) {
        (Type::Text, Value::Number(number), _) => Value::from(number.to_string()),
        (Type::Text, _, Some(text)) => Value::from(text),
        (Type::Address, _, Some(text)) => Value::from(address(text)?),
        (Type::Flag, ..) => Value::from(value::flag(value)?),
        (Type::Number, Value::Number(_), _) => value.clone(),
        (Type::Number, _, Some(text)) => {
            let number: f64 = text.parse().map_err(|_| "must be a number".to_owned())?;
            serde_json::Number::from_f64(number).map(Value::Number).ok_or("must be a number")?
        }
        (Type::List, Value::Array(_), _) => value.clone(),
        (Type::List, _, Some(text)) => text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect(),
        (Type::Object, Value::Object(_), _) => value.clone(),
        (Type::Text | Type::Address, ..) => return Err("must be a text".to_owned()),
        (Type::Number, ..) => return Err("must be a number".to_owned()),
        (Type::List, ..) => return Err("must be a list: JSON, or texts with commas between".to_owned()),
        (Type::Object, ..) => return Err("must be a JSON object".to_owned()),
    };
    Ok(Some(typed))
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
