//! Fields of a user beyond the stock ones, as REST_SOCIAL_USER_FIELDS declares them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use serde_json::{Map, Value};
use url::Url;

use super::User;

/// Characters of a text.
const LONGEST: usize = 1000;

/// What a field may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    String,
    Integer,
    Boolean,
    /// http or https.
    Url,
    /// `YYYY-MM-DD`.
    Date,
}

/// One declared field.
#[derive(Clone, Debug)]
pub struct UserField {
    /// In answers, in claims, and in the database.
    pub name: String,
    pub kind: FieldType,
    /// By provider, `*` for those that have none of their own: an expression of the descriptors' language. Empty: only the
    /// user fills it.
    pub from: BTreeMap<String, String>,
    /// A later login writes it anew; otherwise only the sign-up does.
    pub at_login: bool,
    /// The user may change it.
    pub editable: bool,
}

impl UserField {
    /// A field that no provider says and nobody may change: it is a step's to fill.
    pub fn new(name: &str, kind: FieldType) -> Self {
        Self { name: name.to_owned(), kind, from: BTreeMap::new(), at_login: true, editable: false }
    }

    /// Where `provider` says it, or `*`, which stands for all others: `profile.locale`.
    pub fn said_by(mut self, provider: &str, expression: &str) -> Self {
        self.from.insert(provider.to_owned(), expression.to_owned());
        self
    }

    /// No login after the sign-up writes it.
    pub fn at_sign_up(self) -> Self {
        Self { at_login: false, ..self }
    }

    pub fn editable(self) -> Self {
        Self { editable: true, ..self }
    }

    pub fn source(&self, provider: &str) -> Option<&str> {
        self.from.get(provider).or_else(|| self.from.get("*")).map(String::as_str)
    }
}

impl FieldType {
    /// The value as it is kept, from JSON, from a form or from a provider's profile; numbers and booleans may come as
    /// texts. Errors are for whoever sent it, with the texts of the original's framework.
    pub fn fit(self, value: &Value) -> Result<Value, &'static str> {
        let text = match value {
            Value::String(text) if text.contains('\0') => return Err("Null characters are not allowed."),
            Value::String(text) if text.chars().count() > LONGEST => {
                return Err("Ensure this field has no more than 1000 characters.");
            }
            Value::String(text) => Some(text.trim()),
            _ => None,
        };
        match (self, text) {
            (Self::String, Some(_)) => Ok(value.clone()),
            (Self::String, None) if value.is_number() => Ok(value.to_string().into()),
            (Self::String, None) => Err("Not a valid string."),
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
                let is_web = |text: &&str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
                text.filter(is_web).map(Value::from).ok_or("Enter a valid URL.")
            }
            (Self::Date, text) => {
                let is_day = |text: &&str| text.len() == 10 && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok();
                text.filter(is_day).map(Value::from).ok_or("Date has wrong format: use YYYY-MM-DD.")
            }
        }
    }
}

/// All declared fields, in the settings' order. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct UserFields(Arc<[UserField]>);

impl UserFields {
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

    /// The user with the declared fields alone, in their order: what was declared once may still be kept.
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
    fn a_value_is_kept_as_its_type_or_not_at_all() {
        for (kind, written, kept) in [
            (FieldType::String, json!(" Zoë "), json!(" Zoë ")),
            (FieldType::String, json!(7), json!("7")),
            (FieldType::Integer, json!(-7), json!(-7)),
            (FieldType::Integer, json!(" 7 "), json!(7)),
            (FieldType::Boolean, json!("True"), json!(true)),
            (FieldType::Url, json!("https://a.example/x"), json!("https://a.example/x")),
            (FieldType::Date, json!("2024-02-29"), json!("2024-02-29")),
        ] {
            assert_eq!(kind.fit(&written), Ok(kept), "{kind:?} {written}");
        }
        for (kind, written) in [
            (FieldType::String, json!(["a"])),
            (FieldType::String, json!("a\u{0}")),
            (FieldType::String, json!("a".repeat(1001))),
            (FieldType::Integer, json!(1.5)),
            (FieldType::Integer, json!(u64::MAX)),
            (FieldType::Integer, json!("")),
            (FieldType::Boolean, json!(1)),
            (FieldType::Url, json!("javascript:alert(1)")),
            (FieldType::Url, json!("/a")),
            (FieldType::Date, json!("2023-02-29")),
            (FieldType::Date, json!("1.2.2024")),
        ] {
            assert!(kind.fit(&written).is_err(), "{kind:?} {written}");
        }
    }
}
