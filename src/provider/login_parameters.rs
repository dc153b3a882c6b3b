//! Parameters that one login adds to the authorization URL, such as `prompt` or `login_hint`. Only those that the descriptor lists
//! are added, and none that the server's settings set.

use serde_json::{Map, Value};

use super::call::set_pair;
use super::configured::Provider;
use super::error::ProviderError;
use super::protocol::LoginParameters;
use crate::model::{field_message, is_truthy};
use crate::outgoing::Pairs;
use crate::settings::{SettingError, is_protocol_parameter};

/// Maximum length of a value, in characters.
pub(super) const MAX_VALUE_LEN: usize = 255;
/// An application relies on these, so a provider without them refuses them. Other unknown parameters are ignored.
const REQUIREMENTS: [&str; 3] = ["prompt", "max_age", "acr_values"];
/// The setting with which ACR_VALUES is a condition.
const REQUIRE_ACR: &str = "REQUIRE_ACR";
/// What a login chooses at the provider simulator, and the parameters of the simulator's pages for it.
pub(crate) const SIMULATOR_CHOICES: [(&str, &str); 2] =
    [("login_hint", "simulator_login_hint"), ("behaviour", "simulator_behaviour")];
/// Names that `begin` and `authorize` use themselves.
const OWN_FIELDS: [&str; 8] = ["next", "data", "app_state", "kind", "provider", "format", "flow_token", "scope"];

impl Provider {
    /// The parameters of `given` that the descriptor lists.
    ///
    /// Errors: an invalid value, one that the settings set otherwise, or a requirement that this provider does not support.
    pub fn login_parameters(&self, given: &Map<String, Value>) -> Result<LoginParameters, ProviderError> {
        let configured = self.configured_max_age();
        let mut parameters = LoginParameters { max_age: configured, ..LoginParameters::default() };
        let mut problems = Vec::new();
        for (name, value) in given {
            match self.login_parameter(name, value) {
                Ok(None) => {}
                Ok(Some(text)) if name == "max_age" => match max_age(&text) {
                    Some(seconds) => {
                        let smaller = configured.map_or(seconds, |configured| configured.min(seconds));
                        parameters.max_age = Some(smaller);
                    }
                    None => problems.push((name.clone(), "Must be a number of seconds.".to_owned())),
                },
                Ok(Some(text)) => {
                    if name == "acr_values" && self.requires_acr() {
                        parameters.acr_values = text.split_whitespace().map(str::to_owned).collect();
                    }
                    set_pair(&mut parameters.pairs, name, text);
                }
                Err(problem) => problems.push((name.clone(), problem)),
            }
        }
        if let Some(seconds) = parameters.max_age {
            set_pair(&mut parameters.pairs, "max_age", seconds.to_string());
        }
        parameters.simulator_choice = self.simulator_choice(given);
        if problems.is_empty() { Ok(parameters) } else { Err(ProviderError::InvalidFields(problems)) }
    }

    /// Empty unless the provider is simulated, which `serve` cannot do.
    fn simulator_choice(&self, given: &Map<String, Value>) -> Pairs {
        let choices = SIMULATOR_CHOICES.iter().filter(|_| self.client.is_simulated());
        let chosen = choices.filter_map(|(name, parameter)| {
            let text = given.get(*name)?.as_str()?;
            check_value(name, text).is_ok().then(|| ((*parameter).to_owned(), text.to_owned()))
        });
        chosen.collect()
    }

    /// `None`: the provider does not have this parameter, and no login relies on it.
    fn login_parameter(&self, name: &str, value: &Value) -> Result<Option<String>, String> {
        let is_listed = self.descriptor.authorization.login_parameters.iter().any(|listed| listed == name);
        // Only an ID token shows when the user authenticated.
        let is_supported = is_listed && (name != "max_age" || self.verifies_id_token());
        if !is_supported {
            let is_required = REQUIREMENTS.contains(&name) && (is_truthy(value) || value.is_number());
            let problem = || format!("{} does not support this parameter.", self.title());
            return if is_required { Err(problem()) } else { Ok(None) };
        }
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(field_message::NOT_TEXT.to_owned()),
        };
        check_value(name, &text)?;
        let is_allowed = |configured: &str| match name {
            // The smaller age counts.
            "max_age" => true,
            // A login may require some of the configured classes.
            "acr_values" => text.split_whitespace().all(|asked| configured.split_whitespace().any(|one| one == asked)),
            _ => configured == text,
        };
        match self.configured_parameter(name) {
            Some(configured) if !is_allowed(&configured) => Err("The server's settings set this parameter.".to_owned()),
            _ => Ok(Some(text)),
        }
    }

    /// The value of AUTH_EXTRA_ARGUMENTS, or of the setting with the name of the parameter.
    fn configured_parameter(&self, name: &str) -> Option<String> {
        let arguments = self.values.pairs("AUTH_EXTRA_ARGUMENTS");
        let argument = arguments.into_iter().find(|(other, _)| other == name).map(|(_, value)| value);
        let has_setting = self.descriptor.authorization.parameters.contains_key(name);
        let setting = || self.values.text(&name.to_ascii_uppercase()).map(str::to_owned);
        argument.or_else(|| setting().filter(|_| has_setting)).filter(|value| !value.is_empty())
    }

    pub(super) fn configured_max_age(&self) -> Option<u32> {
        let configured = self.configured_parameter("max_age").filter(|_| self.verifies_id_token())?;
        max_age(&configured)
    }

    fn requires_acr(&self) -> bool {
        self.values.is_on(REQUIRE_ACR)
    }

    /// The authentication context classes of which an ID token must have one. Empty: it need not have any. `sent`: those of the
    /// login, which are some of the configured ones.
    pub(super) fn required_acr_values(&self, sent: &[String]) -> Vec<String> {
        if !self.requires_acr() || !sent.is_empty() {
            return sent.to_vec();
        }
        let configured = self.configured_parameter("acr_values");
        configured.iter().flat_map(|values| values.split_whitespace()).map(str::to_owned).collect()
    }

    /// `acr_values` alone is a wish that the provider may ignore (OpenID Connect Core 3.1.2.1).
    fn check_acr(&self, warnings: &mut Vec<String>, errors: &mut Vec<SettingError>) {
        let is_configured = self.configured_parameter("acr_values").is_some();
        let is_required = self.requires_acr();
        let problem = match (is_required, is_configured) {
            (true, _) if !self.verifies_id_token() => format!("{} has no ID token with an acr", self.name),
            (true, false) => "needs ACR_VALUES, or acr_values in AUTH_EXTRA_ARGUMENTS".to_owned(),
            (true, true) | (false, false) => return,
            (false, true) => {
                let name = self.settings.written_name("ACR_VALUES");
                let required = self.settings.written_name(REQUIRE_ACR);
                warnings.push(format!(
                    "{name}: a login with another acr, or none, is accepted: {required}=true refuses it"
                ));
                return;
            }
        };
        errors.push(SettingError::new(self.settings.written_name(REQUIRE_ACR), problem));
    }

    /// Checks the settings and the list of the descriptor at start.
    pub(super) fn check_login_parameters(&self, warnings: &mut Vec<String>, errors: &mut Vec<SettingError>) {
        self.check_acr(warnings, errors);
        let is_reserved = |name: &&String| {
            is_protocol_parameter(name)
                || OWN_FIELDS.contains(&name.as_str())
                || self.descriptor.address.contains_key(*name)
                || self.descriptor.is_own_parameter(name)
        };
        if let Some(name) = self.descriptor.authorization.login_parameters.iter().find(is_reserved) {
            let field = format!("providers.{}.authorization.login_parameters", self.name);
            errors.push(SettingError::new(field, format!("contains {name}, which this server sets itself; remove it")));
        }
        if let Some(configured) = self.configured_parameter("max_age")
            && max_age(&configured).is_none()
        {
            let name = self.settings.written_name("MAX_AGE");
            errors.push(SettingError::new(name, "must be a number of seconds, which the authorization request sends"));
        }
    }
}

fn max_age(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Errors: a message for the caller.
fn check_value(name: &str, text: &str) -> Result<(), String> {
    let has_control_character = text.contains(char::is_control);
    let words = || text.split(' ');
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    match name {
        _ if text.trim().is_empty() => Err(field_message::BLANK.to_owned()),
        _ if has_control_character => Err(field_message::CONTROL_CHARACTER.to_owned()),
        _ if text.chars().count() > MAX_VALUE_LEN => Err(field_message::too_long(MAX_VALUE_LEN)),
        "prompt" | "ui_locales" if !words().all(is_word) => Err("Must be words separated by single spaces.".to_owned()),
        // OpenID Connect Core 3.1.2.1.
        "prompt" if words().any(|word| word == "none") && words().count() > 1 => {
            Err("`none` must be the only value.".to_owned())
        }
        _ => Ok(()),
    }
}
