//! Additional fields of a user, as REST_SOCIAL_USER_FIELDS declares them, and the only parser of their values.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Map, Value};
use url::Url;

use super::User;
use super::field_message;
use super::safe_text::{is_bidi_or_control, is_forbidden_in_text};

/// Maximum characters of a text.
const MAX_TEXT_LEN: usize = 1000;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFieldType {
    /// Any text.
    String,
    /// A 64-bit integer.
    Integer,
    /// True or false.
    Boolean,
    /// An http or https URL.
    Url,
    /// `YYYY-MM-DD`.
    Date,
}

/// One declared field.
#[derive(Clone, Debug)]
pub struct UserField {
    /// Name in answers, claims and the database.
    pub name: String,
    /// Type of the value.
    pub kind: UserFieldType,
    /// Expression over the provider's answers by provider name; `*` applies to all others. Empty: no provider fills the field.
    pub from: BTreeMap<String, String>,
    /// Every login writes it; otherwise only the sign-up does.
    pub at_login: bool,
    /// The user may change it.
    pub editable: bool,
}

impl UserField {
    /// A field that no provider fills and the user cannot edit; a step fills it.
    pub fn new(name: &str, kind: UserFieldType) -> Self {
        Self { name: name.to_owned(), kind, from: BTreeMap::new(), at_login: true, editable: false }
    }

    /// Fills the field from the answer of `provider`, or of all others with `*`, by an expression such as `profile.locale`.
    pub fn from_provider(mut self, provider: &str, expression: &str) -> Self {
        self.from.insert(provider.to_owned(), expression.to_owned());
        self
    }

    /// Only the sign-up writes it.
    pub fn only_at_sign_up(self) -> Self {
        Self { at_login: false, ..self }
    }

    /// Lets the user edit it.
    pub fn editable(self) -> Self {
        Self { editable: true, ..self }
    }

    /// The expression for `provider`.
    pub fn source(&self, provider: &str) -> Option<&str> {
        self.from.get(provider).or_else(|| self.from.get("*")).map(String::as_str)
    }
}

impl UserFieldType {
    /// [`Self::parse`] for a provider's answer or an imported row, whose texts are cleaned instead of refused.
    pub fn parse_external(self, value: &Value) -> Result<Value, &'static str> {
        match value {
            Value::String(text) if self == Self::String && text.contains(is_forbidden_in_text) => {
                self.parse(&text.replace(is_forbidden_in_text, "").into())
            }
            value => self.parse(value),
        }
    }

    /// The value to store, from JSON or a form; numbers and booleans may be texts. Errors: the message for the caller, as in
    /// Django REST framework.
    pub fn parse(self, value: &Value) -> Result<Value, &'static str> {
        let text = match value {
            Value::String(text) if text.contains('\0') => return Err(field_message::NUL_CHARACTER),
            Value::String(text) if text.contains(is_forbidden_in_text) => {
                return Err(field_message::CONTROL_CHARACTER);
            }
            Value::String(text) if text.chars().count() > MAX_TEXT_LEN => {
                return Err("Ensure this field has no more than 1000 characters.");
            }
            Value::String(text) => Some(text.trim()),
            _ => None,
        };
        match (self, text) {
            (Self::String, Some(_)) => Ok(value.clone()),
            (Self::String, None) if value.is_number() => Ok(value.to_string().into()),
            (Self::String, None) => Err(field_message::NOT_TEXT),
            (Self::Integer, None) if value.is_i64() => Ok(value.clone()),
            (Self::Integer, text) => {
                let number = text.and_then(|text| text.parse::<i64>().ok());
                number.map(Value::from).ok_or("A valid integer is required.")
            }
            (Self::Boolean, None) if value.is_boolean() => Ok(value.clone()),
            (Self::Boolean, Some("true" | "True")) => Ok(true.into()),
            (Self::Boolean, Some("false" | "False")) => Ok(false.into()),
            (Self::Boolean, _) => Err("Must be a valid boolean."),
            (Self::Url, text) => {
                let url = text.filter(|text| !text.contains(is_unsafe_in_url)).and_then(|text| Url::parse(text).ok());
                let is_web = |url: &Url| {
                    let has_user = !url.username().is_empty() || url.password().is_some();
                    matches!(url.scheme(), "http" | "https") && !has_user
                };
                url.filter(is_web).map(|url| String::from(url).into()).ok_or("Enter a valid URL.")
            }
            (Self::Date, text) => {
                let is_day = |text: &&str| text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
                text.filter(is_day).map(Value::from).ok_or("Date has wrong format: use YYYY-MM-DD.")
            }
        }
    }
}

/// Whether parsers of URLs drop the character, or read it differently.
fn is_unsafe_in_url(c: char) -> bool {
    c == '\\' || c.is_whitespace() || is_bidi_or_control(c)
}

/// All declared fields, in the settings' order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct UserFields(Arc<[UserField]>);

impl UserFields {
    /// The declared fields.
    pub fn new(fields: Vec<UserField>) -> Self {
        Self(fields.into())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &UserField> {
        self.0.iter()
    }

    pub fn get(&self, name: &str) -> Option<&UserField> {
        self.iter().find(|field| field.name == name)
    }

    /// The user with the declared fields only, in their order: values of removed declarations may still be stored.
    pub fn of<'a>(&self, user: &'a User) -> Cow<'a, User> {
        if user.fields.is_empty() {
            return Cow::Borrowed(user);
        }
        let declared =
            self.iter().filter_map(|field| Some((field.name.clone(), user.fields.get(&field.name)?.clone())));
        Cow::Owned(User { fields: declared.collect::<Map<_, _>>(), ..user.clone() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_converted_to_its_type_or_rejected() {
        for (kind, written, stored) in [
            (UserFieldType::String, json!(" Zoë "), json!(" Zoë ")),
            (UserFieldType::String, json!(7), json!("7")),
            (UserFieldType::String, json!("a\r\n\tb"), json!("a\r\n\tb")),
            (UserFieldType::Integer, json!(-7), json!(-7)),
            (UserFieldType::Integer, json!(" 7 "), json!(7)),
            (UserFieldType::Boolean, json!("True"), json!(true)),
            (UserFieldType::Url, json!("https://a.example/x"), json!("https://a.example/x")),
            (UserFieldType::Url, json!(" HTTPS://a.example "), json!("https://a.example/")),
            (UserFieldType::Date, json!("2024-02-29"), json!("2024-02-29")),
        ] {
            assert_eq!(kind.parse(&written), Ok(stored), "{kind:?} {written}");
        }
        for (kind, written) in [
            (UserFieldType::String, json!(["a"])),
            (UserFieldType::String, json!("a\u{0}")),
            (UserFieldType::String, json!("a\u{1b}[31m")),
            (UserFieldType::String, json!("a\u{202e}")),
            (UserFieldType::String, json!("a".repeat(1001))),
            (UserFieldType::Integer, json!(1.5)),
            (UserFieldType::Integer, json!(u64::MAX)),
            (UserFieldType::Integer, json!("")),
            (UserFieldType::Boolean, json!(1)),
            (UserFieldType::Url, json!("javascript:alert(1)")),
            (UserFieldType::Url, json!("/a")),
            (UserFieldType::Url, json!("https://a.example/x\r\ny")),
            (UserFieldType::Url, json!("https://a.example\\y")),
            (UserFieldType::Url, json!("https://a@b.example/")),
            (UserFieldType::Url, json!("https://a.example/\u{202e}y")),
            (UserFieldType::Date, json!("2023-02-29")),
            (UserFieldType::Date, json!("1.2.2024")),
        ] {
            assert!(kind.parse(&written).is_err(), "{kind:?} {written}");
        }
        let external = |kind: UserFieldType, text: &str| kind.parse_external(&json!(text));
        assert_eq!(external(UserFieldType::String, "a\u{1b}[31m\u{202e}\nb"), Ok(json!("a[31m\nb")));
        assert!(external(UserFieldType::Url, "https://a.example/\u{202e}y").is_err());
    }
}
