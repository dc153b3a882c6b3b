//! One value as an operator wrote it, and how it becomes a typed one. Text from the environment and typed values from
//! the file go through the same readers. An error says what is wanted and never repeats the value, which may be a secret
//! in the wrong place.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::SettingError;

/// A value and the name that its operator knows it by: `STATE_POLICY` in the environment, `state_policy` in the file.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) label: String,
    pub(super) in_file: bool,
}

/// What was found for a group of settings, by environment name.
#[derive(Clone, Default)]
pub(super) struct Section(pub(super) BTreeMap<String, Found>);

impl Section {
    /// `None` where the setting is absent, empty, or wrong; what is wrong goes to `errors`.
    pub(super) fn get<T>(
        &self,
        name: &str,
        errors: &mut Vec<SettingError>,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let found = self.0.get(name)?;
        if found.value.as_str().is_some_and(|text| text.trim().is_empty()) {
            return None;
        }
        match read(&found.value) {
            Ok(value) => Some(value),
            Err(problem) => {
                errors.push(SettingError::new(&found.label, problem));
                None
            }
        }
    }

    /// The name to complain about: as written, or the environment's where it is absent.
    pub(super) fn label<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, |found| &found.label)
    }
}

/// What the environment says, for settings that are typed elsewhere: JSON where it reads as a list or an object.
pub(super) fn untyped(text: &str) -> Value {
    match text.trim_start().as_bytes().first() {
        Some(b'[' | b'{') => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        _ => Value::from(text),
    }
}

pub(super) fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        toml::Value::Array(list) => list.iter().map(from_toml).collect(),
        toml::Value::Table(table) => table.iter().map(|(name, value)| (name.clone(), from_toml(value))).collect(),
    }
}

/// `true`, `True`, `1` and their opposites.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) => match text.trim() {
            "true" | "True" | "1" => Ok(true),
            "false" | "False" | "0" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        },
        Value::Number(number) if number.as_u64() == Some(1) => Ok(true),
        Value::Number(number) if number.as_u64() == Some(0) => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| "must be text".to_owned())
}

/// One of a few words.
pub(super) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let text = text(value)?;
    words.iter().find(|(word, _)| *word == text.trim()).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let listed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("must be one of {}", listed.join(", "))
    })
}

/// A list of texts: JSON or comma-separated, blanks around an entry and empty entries dropped.
pub(super) fn list(value: &Value) -> Result<Vec<String>, String> {
    let wrong = || "must be a list of texts: JSON, or separated by commas".to_owned();
    match value {
        Value::Array(entries) => {
            entries.iter().map(|entry| entry.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Value::String(written) if written.trim_start().starts_with('[') => {
            serde_json::from_str(written).map_err(|_| wrong())
        }
        Value::String(written) if written.trim_start().starts_with(['(', '{']) => Err(wrong()),
        Value::String(written) => {
            Ok(written.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
        }
        _ => Err(wrong()),
    }
}

/// An object of texts.
pub(super) fn texts_by_name(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "must be an object of texts: JSON, or a table in the file".to_owned();
    let parsed;
    let object = match value {
        Value::String(written) => {
            parsed = serde_json::from_str::<Value>(written).map_err(|_| wrong())?;
            &parsed
        }
        _ => value,
    };
    let entries = object.as_object().ok_or_else(wrong)?;
    entries
        .iter()
        .map(|(name, entry)| entry.as_str().map(|text| (name.clone(), text.to_owned())).ok_or_else(wrong))
        .collect()
}

/// Longer spans are mistakes, or milliseconds.
const LONGEST: f64 = 100.0 * 366.0 * 86_400.0;

/// A span of time in seconds, more than nothing.
pub(super) fn seconds(value: &Value) -> Result<Duration, String> {
    let span = seconds_or_none(value)?;
    if span.is_zero() { Err("must be more than 0 seconds".to_owned()) } else { Ok(span) }
}

/// A span of time in seconds, or 0.
pub(super) fn seconds_or_none(value: &Value) -> Result<Duration, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) if (0.0..=LONGEST).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err("must be a number of seconds".to_owned()),
    }
}

pub(super) fn whole(value: &Value, least: usize, most: usize) -> Result<usize, String> {
    let number = match value {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

/// Python's `None`, which the file and the environment can only write as a word.
pub(super) fn or_none<T>(
    read: impl FnOnce(&Value) -> Result<T, String>,
) -> impl FnOnce(&Value) -> Result<Option<T>, String> {
    |value| match value.as_str().map(str::trim) {
        Some("None" | "none" | "null") => Ok(None),
        _ => read(value).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn booleans_are_read_as_python_and_json_write_them() {
        for yes in [json!(true), json!("true"), json!("True"), json!("1"), json!(1)] {
            assert_eq!(flag(&yes), Ok(true), "{yes}");
        }
        for no in [json!(false), json!("false"), json!("False"), json!("0"), json!(0)] {
            assert_eq!(flag(&no), Ok(false), "{no}");
        }
        for wrong in [json!("yes"), json!("TRUE"), json!(2), json!([])] {
            assert!(flag(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_are_json_or_comma_separated() {
        for same in [json!(["a", "b"]), json!("a,b"), json!(" a , b, "), json!("[\"a\", \"b\"]")] {
            assert_eq!(list(&same), Ok(vec!["a".to_owned(), "b".to_owned()]), "{same}");
        }
        for wrong in [json!("('a', 'b')"), json!("['a']"), json!([1]), json!({"a": 1}), json!("[1]")] {
            assert!(list(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_seconds() {
        assert_eq!(seconds(&json!("300")), Ok(Duration::from_secs(300)));
        assert_eq!(seconds(&json!(2.5)), Ok(Duration::from_millis(2500)));
        for wrong in [json!("5 min"), json!(-1), json!("0"), json!("inf"), json!("NaN"), json!(1e12)] {
            assert!(seconds(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(or_none(seconds)(&json!("None")), Ok(None));
    }

    #[test]
    fn objects_and_lists_in_the_environment_are_json() {
        assert_eq!(untyped(r#"{"a": 1}"#), json!({"a": 1}));
        assert_eq!(untyped(r#"["a"]"#), json!(["a"]));
        assert_eq!(untyped("{broken"), json!("{broken"));
        assert_eq!(untyped("true"), json!("true"));
        assert_eq!(texts_by_name(&json!(r#"{"a": "b"}"#)), Ok(BTreeMap::from([("a".to_owned(), "b".to_owned())])));
    }
}
