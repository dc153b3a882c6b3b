//! The types of settings, and the parser of their values: time spans, lists, URLs and others. [`ValueType::parse`] turns a value
//! as it was written into the one form of its type, whether it comes from the environment (text), the file (TOML), or the table
//! (a default). An error says what is expected and never repeats the value, which may be a secret.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Number, Value};
use url::Url;

use crate::model::check_unique_members;

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// A text without blanks around it.
    Text,
    /// Text as it is, blanks included: a key must not change.
    Secret,
    /// http or https, without user, password and fragment.
    Url,
    /// A host name or IP address, with a port if needed.
    Host,
    /// One segment of a path: letters, digits and `-._~`.
    Segment,
    Boolean,
    /// An integer of at least 0.
    Integer,
    Number,
    /// A time span, at least 0.
    Seconds,
    /// One of a few words.
    Word,
    /// In the environment JSON, or texts separated by commas.
    List,
    /// In the environment JSON.
    Object,
}

/// A longer time span is an error: probably it was written in milliseconds.
const MAX_SECONDS: f64 = 100.0 * 366.0 * 86_400.0;

impl ValueType {
    /// Converts a text to the type. The entries of a list keep their types.
    pub(super) fn parse(self, value: &Value) -> Result<Value, String> {
        let text = value.as_str().map(str::trim);
        let parsed = match self {
            // A list or an object that was written as text, in JSON or Python.
            Self::Text | Self::Word if text.is_some_and(is_literal_of_texts) => None,
            Self::Text | Self::Word => {
                text.map(Value::from).or_else(|| value.as_number().map(|n| n.to_string().into()))
            }
            Self::Secret => value.as_str().map(Value::from),
            Self::Url => return url(text.unwrap_or_default()).map(Value::from),
            Self::Host => text.filter(|text| is_host(text)).map(Value::from),
            Self::Segment => text.filter(|text| is_segment(text)).map(Value::from),
            Self::Boolean => match text.map_or_else(|| value.to_string(), str::to_owned).as_str() {
                "true" | "True" | "1" => Some(Value::Bool(true)),
                "false" | "False" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Integer => value.as_u64().or_else(|| text?.parse().ok()).map(Value::from),
            Self::Number => number(value).and_then(Number::from_f64).map(Value::Number),
            Self::Seconds => number(value).filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds)).map(Value::from),
            Self::List => match text {
                Some(text) if text.starts_with('[') => json(text)?,
                // Python's tuples and sets.
                Some(text) if text.starts_with(['(', '{']) => None,
                Some(text) => {
                    let entries: Vec<&str> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
                    if entries.is_empty() && !text.is_empty() {
                        return Err(
                            "has commas and no entries: leave it empty, or write [] for an empty list".to_owned()
                        );
                    }
                    Some(entries.into_iter().collect())
                }
                None => Some(value.clone()).filter(Value::is_array),
            },
            Self::Object => match text {
                Some(text) => json(text)?.filter(Value::is_object),
                None => Some(value.clone()).filter(Value::is_object),
            },
        };
        parsed.ok_or_else(|| self.expectation().to_owned())
    }

    fn expectation(self) -> &'static str {
        match self {
            Self::Text | Self::Word | Self::Secret => "must be a text",
            Self::Url => "must be an absolute http or https URL",
            Self::Host => "must be a host name, without scheme and path",
            Self::Segment => "must consist of letters, digits, `-`, `.`, `_` and `~`",
            Self::Boolean => "must be true or false",
            Self::Integer => "must be an integer",
            Self::Number => "must be a number",
            Self::Seconds => "must be a number of seconds",
            Self::List => "must be a list: JSON, or texts separated by commas",
            Self::Object => "must be an object: JSON, or a table in the file",
        }
    }
}

/// `None`: it is not JSON. Errors: an object has two members of one name.
fn json(text: &str) -> Result<Option<Value>, String> {
    let parsed = serde_json::from_str(text).ok();
    if parsed.is_some() && check_unique_members(text.as_bytes()).is_err() {
        return Err("has an object with two members of one name: remove one of them".to_owned());
    }
    Ok(parsed)
}

/// Whether it begins as a list, a tuple or an object of texts does: `["`.
fn is_literal_of_texts(text: &str) -> bool {
    text.strip_prefix(['[', '(', '{']).is_some_and(|rest| rest.trim_start().starts_with(['"', '\'']))
}

fn is_host(text: &str) -> bool {
    let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']'));
    is_plain && Url::parse(&format!("https://{text}/x")).is_ok_and(|url| url.path() == "/x")
}

fn is_segment(text: &str) -> bool {
    let is_unreserved = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    !text.is_empty() && !matches!(text, "." | "..") && text.chars().all(is_unreserved)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Kept as it was written (SEC-38).
fn url(text: &str) -> Result<&str, String> {
    let url = Url::parse(text).map_err(|_| ValueType::Url.expectation())?;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none_or(str::is_empty) {
        return Err(ValueType::Url.expectation().to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must be a URL without user, password and fragment".to_owned());
    }
    Ok(text)
}

pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    ValueType::Boolean.parse(value).map(|value| value == true)
}

pub(super) fn texts(value: &Value) -> Result<Vec<String>, String> {
    serde_json::from_value(value.clone()).map_err(|_| "must be a list of texts".to_owned())
}

pub(super) fn texts_by_name(value: &Value) -> Result<BTreeMap<String, String>, String> {
    serde_json::from_value(value.clone()).map_err(|_| "must be an object of texts".to_owned())
}

/// One of the words of an enum.
pub(super) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let known = words.iter().find(|(word, _)| value.as_str().map(str::trim) == Some(word));
    known.map(|(_, meaning)| *meaning).ok_or_else(|| one_of(words.iter().map(|(word, _)| *word)))
}

pub(super) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("must be one of {}", words.collect::<Vec<_>>().join(", "))
}

pub(super) fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        toml::Value::Array(list) => list.iter().map(from_toml).collect(),
        toml::Value::Table(table) => table.iter().map(|(name, value)| (name.clone(), from_toml(value))).collect(),
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_the_environment_and_the_file_become_the_same() {
        for (kind, expected, values) in [
            (ValueType::Boolean, json!(true), vec![json!(true), json!("true"), json!("True"), json!("1"), json!(1)]),
            (
                ValueType::Boolean,
                json!(false),
                vec![json!(false), json!("false"), json!("False"), json!("0"), json!(0)],
            ),
            (ValueType::List, json!(["a", "b"]), vec![json!(["a", "b"]), json!(" a , b, "), json!(r#"["a", "b"]"#)]),
            (ValueType::Object, json!({"a": "b"}), vec![json!({"a": "b"}), json!(r#"{"a": "b"}"#)]),
            (ValueType::Seconds, json!(2.5), vec![json!(2.5), json!(" 2.5")]),
            (ValueType::Integer, json!(16), vec![json!(16), json!("16")]),
            (ValueType::Text, json!("16"), vec![json!(16), json!(" 16 ")]),
            (ValueType::Text, json!("[::]:80"), vec![json!("[::]:80 ")]),
            (ValueType::Url, json!("http://x.example/a"), vec![json!("http://x.example/a ")]),
            (ValueType::Host, json!("x.example:8443"), vec![json!("x.example:8443"), json!(" x.example:8443 ")]),
            (ValueType::Segment, json!("b2c_1.a-b~"), vec![json!("b2c_1.a-b~ ")]),
        ] {
            for value in values {
                assert_eq!(kind.parse(&value), Ok(expected.clone()), "{value}");
            }
        }
    }

    #[test]
    fn values_of_another_type_are_errors() {
        for (kind, values) in [
            (ValueType::Boolean, vec![json!("yes"), json!("TRUE"), json!(2), json!([])]),
            (ValueType::List, vec![json!("('a', 'b')"), json!("['a']"), json!({"a": 1}), json!("{a}"), json!(1)]),
            (ValueType::Object, vec![json!("{broken"), json!("[]"), json!([])]),
            (ValueType::Seconds, vec![json!("5 min"), json!(-1), json!("inf"), json!("NaN"), json!(1e12), json!([])]),
            (ValueType::Integer, vec![json!("-1"), json!(1.5), json!("x")]),
            (
                ValueType::Text,
                vec![json!([]), json!(true), json!(r#"["a"]"#), json!("('a', 'b')"), json!(r#"{ "a": 1}"#)],
            ),
            (
                ValueType::Host,
                [
                    "",
                    "https://x.example",
                    "x.example/a",
                    "x.example?a",
                    "u@x.example",
                    "x.example#",
                    "x y",
                    "x\\y",
                    "ä.example",
                ]
                .map(Value::from)
                .into(),
            ),
            (
                ValueType::Segment,
                ["", ".", "..", "../x", "a/b", "a?b", "a#b", "a&b", "a%2fb", "a b", "ä"].map(Value::from).into(),
            ),
            (
                ValueType::Url,
                vec![json!("x.example"), json!("ftp://x.example"), json!("https://u@x.example"), json!(1)],
            ),
        ] {
            for value in values {
                assert!(kind.parse(&value).is_err(), "{kind:?} {value}");
            }
        }
        let twice = "has an object with two members of one name: remove one of them";
        for (kind, text) in [
            (ValueType::Object, r#"{"prompt": "login", "prompt": "none"}"#),
            (ValueType::Object, r#"{"locale": {"editable": false, "editable": true}}"#),
            (ValueType::List, r#"["a", {"b": 1, "b": 2}]"#),
        ] {
            assert_eq!(kind.parse(&json!(text)), Err(twice.to_owned()), "{text}");
        }
        assert!(texts(&json!([1])).is_err() && texts_by_name(&json!({"a": 1})).is_err());
    }
}
