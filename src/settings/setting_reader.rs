//! Reads one setting after the other: type, bounds and default come from its row in the table, the value from the sources.
//! Errors are collected, so that all of them are reported together.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::sources::{WrittenValue, WrittenValues};
use super::table::{self, SOCIAL_AUTH};
use super::types::SettingError;
use super::value_type;

#[derive(Default)]
pub(super) struct SettingReader {
    pub general: WrittenValues,
    /// Settings of one provider by their short names, which replace general ones of the same name.
    pub provider: WrittenValues,
    pub errors: Vec<SettingError>,
    pub warnings: Vec<String>,
}

impl SettingReader {
    pub fn found(&self, name: &str) -> Option<&WrittenValue> {
        let own = name.strip_prefix(SOCIAL_AUTH).and_then(|short| self.provider.get(short));
        own.into_iter().chain(self.general.get(name)).find(|found| !found.is_empty())
    }

    pub fn is_set(&self, name: &str) -> bool {
        self.found(name).is_some_and(|found| !is_none(&found.value))
    }

    /// A wrong general setting is read for each provider and reported once.
    pub fn error(&mut self, name: &str, problem: impl Into<String>) {
        let error = SettingError::new(self.label(name), problem);
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    pub fn warn(&mut self, name: &str, problem: &str) {
        self.warnings.push(format!("{}: {problem}", self.label(name)));
    }

    /// The name as the operator wrote it, or the name in the environment.
    pub fn label(&self, name: &str) -> String {
        self.found(name).map_or_else(|| name.to_owned(), |found| found.label.clone())
    }

    pub fn require(&mut self, name: &str, problem: &str) {
        if !self.is_set(name) {
            self.error(name, problem);
        }
    }

    /// The value of a setting, or its default. `None`: it has no default, or the operator wrote Python's `None`. Where the default
    /// is a limit or a list, `None` is an error: it would turn it off.
    pub fn optional<T>(&mut self, name: &str, convert: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        let is_none = self.found(name).is_some_and(|found| is_none(&found.value));
        if is_none && table::setting(name).is_some_and(table::Setting::accepts_none) {
            return None;
        }
        self.read(name, convert)
    }

    /// The value of a setting that has a default.
    pub fn value<T>(&mut self, name: &str, convert: impl Fn(&Value) -> Result<T, String>) -> T {
        self.read(name, convert).expect("a test reads the default of every setting")
    }

    /// The default also takes the place of a wrong value, so that the settings after it can be checked.
    fn read<T>(&mut self, name: &str, convert: impl Fn(&Value) -> Result<T, String>) -> Option<T> {
        let setting = table::setting(name).expect("a test reads every setting");
        let read = |value: &Value| {
            if is_none(value) && !setting.accepts_none() {
                Err("must not be None, because it has a default: leave it out to use that".to_owned())
            } else {
                setting.parse(value).and_then(|value| convert(&value))
            }
        };
        match self.found(name).map(|found| read(&found.value)) {
            Some(Ok(value)) => return Some(value),
            Some(Err(problem)) => self.error(name, problem),
            None => {}
        }
        read(&Value::from(setting.default.as_deref()?)).ok()
    }

    pub fn boolean(&mut self, name: &str) -> bool {
        self.value(name, value_type::boolean)
    }

    pub fn optional_boolean(&mut self, name: &str) -> Option<bool> {
        self.optional(name, value_type::boolean)
    }

    pub fn seconds(&mut self, name: &str) -> Duration {
        self.value(name, duration)
    }

    pub fn optional_seconds(&mut self, name: &str) -> Option<Duration> {
        self.optional(name, duration)
    }

    /// `None` for 0, which means no limit.
    pub fn seconds_above_zero(&mut self, name: &str) -> Option<Duration> {
        Some(self.seconds(name)).filter(|span| !span.is_zero())
    }

    pub fn integer<T: TryFrom<u64>>(&mut self, name: &str) -> T {
        self.value(name, integer)
    }

    pub fn optional_integer<T: TryFrom<u64>>(&mut self, name: &str) -> Option<T> {
        self.optional(name, integer)
    }

    pub fn text(&mut self, name: &str) -> String {
        self.value(name, text)
    }

    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        self.optional(name, text)
    }

    pub fn word<T: DeserializeOwned>(&mut self, name: &str) -> T {
        self.value(name, |word| serde_json::from_value(word.clone()).map_err(|error| error.to_string()))
    }

    /// Empty where the setting has no value and no default.
    pub fn list(&mut self, name: &str) -> Vec<String> {
        self.list_of(name, |entry| Ok(entry.to_owned()))
    }

    pub fn list_of<T>(&mut self, name: &str, convert: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let convert = |list: &Value| value_type::texts(list)?.iter().map(|entry| convert(entry)).collect();
        self.optional(name, convert).unwrap_or_default()
    }
}

fn is_none(value: &Value) -> bool {
    matches!(value.as_str().map(str::trim), Some("None" | "none" | "null"))
}

fn duration(seconds: &Value) -> Result<Duration, String> {
    seconds.as_f64().map(Duration::from_secs_f64).ok_or_else(|| "must be a number of seconds".to_owned())
}

fn integer<T: TryFrom<u64>>(number: &Value) -> Result<T, String> {
    number.as_u64().and_then(|number| T::try_from(number).ok()).ok_or_else(|| "is too large".to_owned())
}

pub(super) fn text(text: &Value) -> Result<String, String> {
    text.as_str().map(str::to_owned).ok_or_else(|| "must be a text".to_owned())
}
