//! The fields of a login's body, of any media type, with the validation rules of django-rest-social-auth (R-IN-04 to 07).
//! Other fields are kept unchanged: a front-end may post its whole configuration.

use serde_json::{Map, Value};

use super::error::LoginError;
use crate::model::field_message::{BLANK, NOT_TEXT, NUL_CHARACTER, NULL, REQUIRED};
use crate::model::{field_message, lenient};
use crate::provider::{Provider, ProviderError};

/// The fields of a body.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    map: Map<String, Value>,
    /// An empty field of a form counts as absent (R-IN-06).
    is_form: bool,
    /// Whether a field of the form occurs twice.
    is_repetitive: bool,
}

const NOT_OBJECT: &str = "Must be a JSON object.";

/// Maximum characters of a field. The longest authorization codes (Microsoft's, Apple's) have about 3,000.
const MAX_FIELD_LEN: usize = 4096;
/// Maximum characters of a field that holds a token, such as a JWT with the user's groups.
const MAX_TOKEN_LEN: usize = 64 * 1024;
const TOKEN_FIELDS: [&str; 5] = ["id_token", "credential", "access_token", "token", "signed_request"];

fn max_len(name: &str) -> usize {
    if TOKEN_FIELDS.contains(&name) { MAX_TOKEN_LEN } else { MAX_FIELD_LEN }
}

fn too_long(name: &str, text: &str) -> Option<String> {
    let max = max_len(name);
    (text.chars().count() > max).then(|| field_message::too_long(max))
}

impl Fields {
    /// The members of a JSON object.
    pub fn json(map: Map<String, Value>) -> Self {
        Self { map, is_form: false, is_repetitive: false }
    }

    /// The fields of a form or a query. Of a repeated field, the last value counts (R-IN-07).
    pub fn form(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut map, mut is_repetitive) = (Map::new(), false);
        for (name, value) in pairs {
            is_repetitive |= map.insert(name, Value::String(value)).is_some();
        }
        Self { map, is_form: true, is_repetitive }
    }

    /// Whether a field of the form occurs twice, which RFC 6749, 3.2, forbids.
    pub fn is_repetitive(&self) -> bool {
        self.is_repetitive
    }

    /// All fields.
    pub fn map(&self) -> &Map<String, Value> {
        &self.map
    }

    /// A field that django-rest-social-auth does not know, so a front-end may use its name otherwise: only a non-empty text
    /// counts.
    pub fn own(&self, name: &str) -> Option<&str> {
        self.map.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Rejects lists and objects where [`Self::own`] expects a text that a check needs. Other types count as absent: some front-end
    /// configurations have a boolean of that name.
    pub fn check_own(&self, names: &[&str], errors: &mut Vec<(String, String)>) {
        for name in names {
            if self.map.get(*name).is_some_and(|value| value.is_array() || value.is_object()) {
                errors.push(((*name).to_owned(), NOT_TEXT.to_owned()));
            }
        }
    }

    /// Rejects texts that are too long where [`Self::own`] expects one.
    pub fn check_length(&self, names: &[&str], errors: &mut Vec<(String, String)>) {
        for name in names {
            let problem = self.own(name).and_then(|text| too_long(name, text));
            errors.extend(problem.map(|problem| ((*name).to_owned(), problem)));
        }
    }

    /// A required text. Validation trims, but the value is returned as it was sent, for the provider (R-IN-07).
    pub fn required(&self, name: &str, errors: &mut Vec<(String, String)>) -> Option<String> {
        match self.map.get(name) {
            None => {
                errors.push((name.to_owned(), REQUIRED.to_owned()));
                None
            }
            Some(value) => self.text(name, value, errors),
        }
    }

    /// A required text under one of several names: `a|b` reads `b` when `a` is absent.
    pub fn required_one(&self, names: &str, errors: &mut Vec<(String, String)>) -> Option<String> {
        let given = names.split('|').find(|name| self.own(name).is_some());
        self.required(given.or_else(|| names.split('|').next()).unwrap_or(names), errors)
    }

    /// Adds the members that the provider's callback nests inside another one.
    pub fn unwrap_callback(self, provider: &Provider) -> Result<Self, ProviderError> {
        Ok(Self { map: provider.unwrap_callback(self.map)?, is_form: self.is_form, is_repetitive: self.is_repetitive })
    }

    /// An optional text, as it was sent.
    pub fn optional(&self, name: &str, errors: &mut Vec<(String, String)>) -> Option<String> {
        let value = self.map.get(name)?;
        if self.is_form && value.as_str().is_some_and(is_blank) {
            return None;
        }
        self.text(name, value, errors)
    }

    /// An optional JSON object; a form has its JSON text.
    pub fn object(&self, name: &str, errors: &mut Vec<(String, String)>) -> Option<Map<String, Value>> {
        let object = match self.map.get(name)? {
            Value::String(text) if self.is_form && is_blank(text) => return None,
            Value::String(text) if self.is_form => match lenient::json(text.as_bytes()) {
                Ok(Value::Object(members)) => Some(members),
                _ => None,
            },
            Value::Object(members) => Some(members.clone()),
            _ => None,
        };
        if object.is_none() {
            errors.push((name.to_owned(), NOT_OBJECT.to_owned()));
        }
        object
    }

    fn text(&self, name: &str, value: &Value, errors: &mut Vec<(String, String)>) -> Option<String> {
        let text = text_of(value).map_err(str::to_owned);
        let checked = text.and_then(|text| too_long(name, &text).map_or(Ok(text), Err));
        checked.map_err(|message| errors.push((name.to_owned(), message))).ok()
    }

    /// The provider that the body names, if any (R-ERR-01, R-IN-02). A name that is too long is that of no provider.
    ///
    /// Errors: the name is not a text, or blank.
    pub fn provider(&self) -> Result<Option<String>, LoginError> {
        match self.map.get("provider") {
            None => Ok(None),
            Some(Value::String(text)) if self.is_form && is_blank(text) => Ok(None),
            Some(value) => match text_of(value) {
                Ok(name) => Ok(Some(name.trim().to_owned())),
                Err(message) => Err(LoginError::field("provider", message)),
            },
        }
    }
}

/// A number is a text too (R-IN-04).
///
/// Errors: the message of the field.
fn text_of(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null => return Err(NULL),
        _ => return Err(NOT_TEXT),
    };
    match text {
        text if is_blank(&text) => Err(BLANK),
        text if text.contains('\0') => Err(NUL_CHARACTER),
        text => Ok(text),
    }
}

/// As `str.strip` of Python sees it: information separators are whitespace there.
fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(value: Value) -> Fields {
        Fields::json(value.as_object().cloned().unwrap_or_default())
    }

    #[test]
    fn r_in_05_each_invalid_value_has_its_message() {
        for (value, message) in [
            (json!({}), REQUIRED),
            (json!({"code": ""}), BLANK),
            (json!({"code": "  "}), BLANK),
            (json!({"code": "\u{1c}"}), BLANK),
            (json!({"code": null}), NULL),
            (json!({"code": true}), NOT_TEXT),
            (json!({"code": ["a"]}), NOT_TEXT),
            (json!({"code": "a\u{0}b"}), NUL_CHARACTER),
        ] {
            let mut errors = Vec::new();
            assert_eq!(of(value.clone()).required("code", &mut errors), None);
            assert_eq!(errors, [("code".to_owned(), message.to_owned())], "{value}");
        }
    }

    #[test]
    fn fault_a27_a_field_that_is_too_long_is_a_validation_error() {
        for (name, max) in [("code", 4096), ("oauth_verifier", 4096), ("access_token", 65_536), ("id_token", 65_536)] {
            let fields = |len: usize| of(json!({ name: "a".repeat(len) }));
            let problem = (name.to_owned(), format!("Ensure this field has no more than {max} characters."));
            let (mut errors, mut own_errors) = (Vec::new(), Vec::new());
            assert!(fields(max).required(name, &mut errors).is_some() && errors.is_empty());
            fields(max).check_length(&[name], &mut errors);
            assert_eq!(fields(max + 1).required(name, &mut errors), None);
            fields(max + 1).check_length(&[name], &mut own_errors);
            assert_eq!((errors, own_errors), (vec![problem.clone()], vec![problem]));
        }
    }

    #[test]
    fn r_in_04_a_number_is_a_text_and_r_in_07_spaces_stay() {
        let mut errors = Vec::new();
        assert_eq!(of(json!({"code": 5})).required("code", &mut errors).as_deref(), Some("5"));
        assert_eq!(of(json!({"code": " u1 "})).required("code", &mut errors).as_deref(), Some(" u1 "));
        assert!(errors.is_empty());
    }

    #[test]
    fn lists_and_objects_are_rejected_where_a_text_is_expected() {
        let mut errors = Vec::new();
        let fields = of(json!({"state": ["x"], "flow_token": {}, "nonce": true, "iss": null, "code_verifier": ""}));
        fields.check_own(&["state", "flow_token", "nonce", "iss", "code_verifier", "absent"], &mut errors);
        assert_eq!(errors, [("state".to_owned(), NOT_TEXT.to_owned()), ("flow_token".to_owned(), NOT_TEXT.to_owned())]);
    }

    #[test]
    fn r_in_06_an_empty_optional_field_is_absent_in_a_form_only() {
        let mut errors = Vec::new();
        let form = Fields::form([("redirect_uri".to_owned(), String::new())]);
        assert_eq!(form.optional("redirect_uri", &mut errors), None);
        assert!(errors.is_empty());
        assert_eq!(of(json!({"redirect_uri": ""})).optional("redirect_uri", &mut errors), None);
        assert_eq!(errors.len(), 1);
    }
}
