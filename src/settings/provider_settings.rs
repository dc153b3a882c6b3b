//! The settings of one provider. They are untyped as the operator wrote them, then typed by the table and by the provider's
//! descriptor (known names, types, defaults, required ones). `provider/` types them once, at start.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::addresses;
use super::sources::NOT_UTF_8;
use super::table::{self, SOCIAL_AUTH};
use super::types::{SettingError, UserRules};
use super::value_type::ValueType;
use crate::model::{as_text, is_truthy};

/// A leeway of more seconds is a warning.
const MAX_USUAL_LEEWAY: f64 = 300.0;

/// The settings of one provider by their short names, as in `SOCIAL_AUTH_<PROVIDER>_<NAME>`.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Name of the provider, such as `github`.
    pub name: String,
    /// Text from the environment, any type from the file.
    pub values: BTreeMap<String, Value>,
    /// Those of `values` that are in the settings file: there an unknown name is an error, in the environment a warning.
    pub in_file: BTreeSet<String>,
    /// `SOCIAL_AUTH_<NAME>`, for all providers.
    pub shared: BTreeMap<String, Value>,
    /// The whole environment, for [`SettingRules::environment`].
    pub environment: Arc<BTreeMap<String, OsString>>,
    /// Descriptor fields of the settings file.
    pub descriptor: toml::Table,
    /// The general ones, replaced by those of this provider.
    pub user_rules: UserRules,
}

/// The settings of a provider without those that are wrong.
#[derive(Debug)]
pub struct TypedSettings {
    /// The valid ones, and defaults.
    pub values: SettingValues,
    /// Warnings to log at start.
    pub warnings: Vec<String>,
    /// All errors.
    pub errors: Vec<SettingError>,
}

impl ProviderSettings {
    /// `SOCIAL_AUTH_<PROVIDER>_<NAME>`, then `SOCIAL_AUTH_<NAME>`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name).or_else(|| self.shared.get(name))
    }

    /// The name of a setting as the operator wrote it, or would write it.
    pub fn written_name(&self, name: &str) -> String {
        if self.in_file.contains(name) || !self.descriptor.is_empty() && !self.values.contains_key(name) {
            return format!("providers.{}.{}", self.name, name.to_ascii_lowercase());
        }
        if !self.values.contains_key(name) && self.shared.contains_key(name) {
            return format!("{SOCIAL_AUTH}{name}");
        }
        table::provider_variable(&self.name, name)
    }

    /// Checks the settings and gives them the types of the descriptor's `rules`. `title`: the display name of the provider.
    pub fn typed(&self, rules: &SettingRules, title: &str, allow_plain_http: bool) -> TypedSettings {
        let (mut values, mut warnings) = (BTreeMap::new(), Vec::new());
        let mut errors = self.unknown_names(rules, &mut warnings);
        for (name, kind) in known(rules) {
            let written = self.get(name).filter(|value| value.as_str().is_none_or(|text| !text.trim().is_empty()));
            match written.map(|value| kind.parse(value)) {
                Some(Ok(Value::Array(list))) if list.contains(&Value::Null) => {
                    errors
                        .push(SettingError::new(self.written_name(name), "contains null, which is no entry of a list"));
                }
                Some(Ok(value)) => {
                    if let Some(parameter) = protocol_parameter(name, kind, &value) {
                        let problem = format!("contains {parameter}, which the server sets itself: remove it");
                        errors.push(SettingError::new(self.written_name(name), problem));
                    }
                    if let Some(problem) = plain_http(name, &value, allow_plain_http) {
                        warnings.push(format!("{} {problem}", self.written_name(name)));
                    }
                    if name == "JWT_LEEWAY" && value.as_f64().is_some_and(|seconds| seconds > MAX_USUAL_LEEWAY) {
                        let written = self.written_name(name);
                        warnings.push(format!(
                            "{written}: ID tokens are accepted for {value} seconds after they expire, and clocks need no more than \
                             {MAX_USUAL_LEEWAY}"
                        ));
                    }
                    values.insert(name.to_owned(), value);
                }
                Some(Err(problem)) => errors.push(SettingError::new(self.written_name(name), problem)),
                None => {
                    let default = rules.defaults.get(name).filter(|value| !value.is_null());
                    values.extend(default.map(|value| (name.to_owned(), value.clone())));
                }
            }
        }
        for (name, variables) in &rules.environment {
            let mut given = variables.iter().filter_map(|variable| self.environment.get_key_value(variable));
            let Some((variable, text)) = given.find(|(_, text)| !text.is_empty() && !values.contains_key(name)) else {
                continue;
            };
            match text.to_str() {
                Some(text) => drop(values.insert(name.clone(), Value::from(text))),
                None => errors.push(SettingError::new(variable.clone(), NOT_UTF_8)),
            }
        }
        let is_missing = |name: &String| !values.get(name).is_some_and(is_truthy);
        if !rules.one_of.is_empty() && rules.one_of.iter().all(is_missing) {
            let problem = format!("one of {} is required", rules.one_of.join(", "));
            errors.push(SettingError::new(self.written_name(&rules.one_of[0]), problem));
        }
        for name in rules.required.iter().filter(|name| is_missing(name)) {
            let written = self.written_name(name);
            if !errors.iter().any(|error| error.name == written) {
                errors.push(SettingError::new(written, format!("is required for {title}")));
            }
        }
        TypedSettings { values: SettingValues(values), warnings, errors }
    }

    fn unknown_names(&self, rules: &SettingRules, warnings: &mut Vec<String>) -> Vec<SettingError> {
        let mut known: Vec<&str> = known(rules).into_iter().map(|(name, _)| name).collect();
        known.extend(table::user_rules().map(|name| -> &str { name }));
        let mut errors = Vec::new();
        for name in self.values.keys().filter(|name| !known.contains(&name.as_str())) {
            let written = self.written_name(name);
            if let Some(reason) = table::provider_no_effect(name) {
                warnings.push(format!("{written} has no effect: {reason}"));
                continue;
            }
            let is_in_file = self.in_file.contains(name);
            let nearest = table::nearest(name, known.iter().copied());
            let meant = nearest.map(|nearest| {
                let nearest = if is_in_file { nearest.to_ascii_lowercase() } else { nearest.to_owned() };
                format!("{}{nearest}", &written[..written.len() - name.len()])
            });
            let error = SettingError::new(written, format!("is not a known setting{}", table::hint(meant.as_deref())));
            if is_in_file || nearest.is_some_and(table::decides_access) {
                errors.push(error);
            } else {
                warnings.push(error.to_string());
            }
        }
        errors
    }
}

/// Only names, because values may be secret.
impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("name", &self.name)
            .field("values", &self.values.keys().collect::<Vec<_>>())
            .field("descriptor", &self.descriptor.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What a descriptor declares about its settings. Names are in upper case.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettingRules {
    /// Names of required settings.
    pub required: Vec<String>,
    /// Names of which one is required.
    pub one_of: Vec<String>,
    /// Environment variables of a platform that give a setting which the operator has not set.
    pub environment: BTreeMap<String, Vec<String>>,
    /// Names without a default. Those that every provider has need not be listed.
    pub optional: Vec<String>,
    /// Default values by name.
    pub defaults: Map<String, Value>,
    /// Types other than text that neither the table nor a default gives.
    pub types: BTreeMap<String, ValueType>,
}

/// Typed settings, defaults of the descriptor included.
#[derive(Debug, Default)]
pub struct SettingValues(BTreeMap<String, Value>);

impl FromIterator<(String, Value)> for SettingValues {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl SettingValues {
    /// The value of any type.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The value if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// The value if it is a boolean.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).and_then(Value::as_bool)
    }

    /// Whether the value is true.
    pub fn is_on(&self, name: &str) -> bool {
        self.flag(name) == Some(true)
    }

    /// The texts and numbers of a list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        self.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(as_text).collect()
    }

    /// The members of an object that are texts or numbers.
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
        table::of_every_provider().map(|(name, _)| name)
    }
}

fn known(rules: &SettingRules) -> Vec<(&str, ValueType)> {
    let mut known: Vec<(&str, ValueType)> = table::of_every_provider().collect();
    for name in rules.defaults.keys().chain(&rules.required).chain(&rules.optional) {
        if !known.iter().any(|(other, _)| other == name) {
            let kind = rules.types.get(name).copied().or_else(|| table::provider_kind(name));
            known.push((name, kind.or_else(|| kind_of(rules.defaults.get(name)?)).unwrap_or(ValueType::Text)));
        }
    }
    known
}

fn kind_of(default: &Value) -> Option<ValueType> {
    match default {
        Value::Bool(_) => Some(ValueType::Boolean),
        Value::Number(_) => Some(ValueType::Number),
        Value::Array(_) => Some(ValueType::List),
        Value::Object(_) => Some(ValueType::Object),
        Value::Null | Value::String(_) => None,
    }
}

/// The server itself calls all URLs but the authorization endpoint, which it only sends the browser to.
fn plain_http(name: &str, value: &Value, allow_plain_http: bool) -> Option<&'static str> {
    let url = value.as_str().filter(|text| text.starts_with("http:")).and_then(|text| Url::parse(text).ok())?;
    match name {
        "AUTHORIZATION_URL" if addresses::is_loopback(&url) => None,
        "AUTHORIZATION_URL" => Some("is plain http: the browser sends the authorization request unencrypted"),
        // Such a request does not leave the machine.
        _ if allow_plain_http && addresses::is_loopback(&url) => None,
        _ if allow_plain_http => Some("is plain http"),
        _ => Some("is plain http, which is not called"),
    }
}

/// Parameters that bind an authorization request to its answer, or identify the client: a setting must not replace them.
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

/// Whether the server sets this parameter of an authorization request itself.
pub fn is_protocol_parameter(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    name.starts_with("oauth_") || name.starts_with("openid.") || PROTOCOL_PARAMETERS.contains(&name.as_str())
}

/// The first protocol parameter in a setting that adds parameters to a request or to the query of a URL.
fn protocol_parameter(name: &str, kind: ValueType, value: &Value) -> Option<String> {
    let is_first_call = name == "REQUEST_TOKEN_EXTRA_ARGUMENTS";
    let is_protocol = |parameter: &String| {
        // OAuth 1.0a has no scope; some providers accept one in its request token call.
        is_protocol_parameter(parameter) && !(is_first_call && parameter.trim().eq_ignore_ascii_case("scope"))
    };
    let mut parameters: Box<dyn Iterator<Item = String>> = match (kind, value) {
        (ValueType::Object, Value::Object(members)) => Box::new(members.keys().cloned()),
        (ValueType::Url, Value::String(text)) => {
            let url = Url::parse(text).ok()?;
            let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
            Box::new(names.into_iter())
        }
        _ => return None,
    };
    parameters.find(is_protocol)
}
