//! The table of settings, `table.toml`: name, type, default and description of each. Reading, `init`, `docs/SETTINGS.md` and
//! the tests use it, so that nothing about a setting is written twice.

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::value_type::{ValueType, one_of};

pub(super) const SOCIAL_AUTH: &str = "SOCIAL_AUTH_";
/// Prefixes of names that belong to this server alone: an unknown one is reported.
pub(super) const OWN_PREFIXES: [&str; 4] = [SOCIAL_AUTH, "SIMPLE_JWT_", "REST_KNOX_", "REST_SOCIAL_"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    unsupported_backends: Vec<String>,
    group: Vec<Group>,
    provider: Vec<ProviderRow>,
    no_effect: Vec<NoEffect>,
    provider_no_effect: Vec<NoEffect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "the tests write some fields to the document"))]
struct Group {
    title: String,
    settings: Vec<Setting>,
}

/// A general setting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "the tests write some fields to the document"))]
pub(super) struct Setting {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// As the environment would write it.
    pub default: Option<String>,
    init: Option<String>,
    default_text: Option<String>,
    min: Option<u64>,
    max: Option<u64>,
    #[serde(default)]
    above_zero: bool,
    #[serde(default)]
    words: Vec<String>,
    /// `None` means no value although there is a default.
    #[serde(default)]
    none: bool,
    #[serde(default)]
    per_provider: bool,
    #[serde(default)]
    access: bool,
    #[serde(default)]
    pub secret: bool,
    description: String,
}

/// Settings of a provider that have one description.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "the tests write some fields to the document"))]
struct ProviderRow {
    #[serde(default)]
    every: IndexMap<String, ValueType>,
    #[serde(default)]
    some: IndexMap<String, ValueType>,
    #[serde(default = "yes")]
    shared: bool,
    #[serde(default)]
    access: bool,
    description: String,
}

impl ProviderRow {
    fn names(&self) -> impl Iterator<Item = &String> {
        self.every.keys().chain(self.some.keys())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoEffect {
    reason: String,
    names: Vec<String>,
}

fn yes() -> bool {
    true
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| toml::from_str(include_str!("table.toml")).expect("the tests read the table"));

pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    TABLE.group.iter().flat_map(|group| &group.settings)
}

pub(super) fn setting(name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.name == name)
}

/// The value that `init` writes for a setting: its default, or a safer one that front-ends of DRSA do not support.
pub fn initial_value(name: &str) -> &'static str {
    let setting = setting(name);
    setting.and_then(|setting| setting.init.as_ref().or(setting.default.as_ref())).map_or("", String::as_str)
}

impl Setting {
    /// The value in the form of its type, within its bounds.
    pub fn parse(&self, value: &Value) -> Result<Value, String> {
        let value = self.kind.parse(value)?;
        let in_bounds = |number: f64| {
            self.min.is_none_or(|min| number >= min as f64)
                && self.max.is_none_or(|max| number <= max as f64)
                && (number > 0.0 || !self.above_zero)
        };
        let is_good = match self.kind {
            ValueType::Word => self.words.iter().any(|word| value == **word),
            _ => value.as_f64().is_none_or(in_bounds),
        };
        if is_good { Ok(value) } else { Err(self.expectation()) }
    }

    /// Whether Python's `None` means that there is no value.
    pub fn accepts_none(&self) -> bool {
        self.none || self.default.is_none()
    }

    fn expectation(&self) -> String {
        match self.kind {
            ValueType::Word => one_of(self.words.iter().map(String::as_str)),
            ValueType::Seconds => format!("must be a number of seconds{}", self.bounds()),
            _ => format!("must be an integer{}", self.bounds()),
        }
    }

    fn bounds(&self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!(", {min} to {max}"),
            (Some(min), None) => format!(", at least {min}"),
            (None, Some(max)) => format!(", {}at most {max}", if self.above_zero { "above 0, " } else { "" }),
            _ if self.above_zero => ", above 0".to_owned(),
            _ => String::new(),
        }
    }
}

/// `SOCIAL_AUTH_<NAME>` that `SOCIAL_AUTH_<PROVIDER>_<NAME>` replaces, by its short name.
pub(super) fn is_user_rule(short: &str) -> bool {
    user_rules().any(|name| name == short)
}

pub(super) fn user_rules() -> impl Iterator<Item = &'static str> {
    settings().filter(|setting| setting.per_provider).filter_map(|setting| setting.name.strip_prefix(SOCIAL_AUTH))
}

/// Name and type of each setting that every provider has.
pub(super) fn of_every_provider() -> impl Iterator<Item = (&'static str, ValueType)> {
    TABLE.provider.iter().flat_map(|row| &row.every).map(|(name, kind)| (name.as_str(), *kind))
}

/// The type of a setting that several providers have.
pub(super) fn provider_kind(name: &str) -> Option<ValueType> {
    TABLE.provider.iter().find_map(|row| row.every.get(name).or_else(|| row.some.get(name))).copied()
}

/// Names that `SOCIAL_AUTH_<NAME>` sets for all providers.
pub(super) fn shared_names() -> impl Iterator<Item = &'static str> {
    TABLE.provider.iter().filter(|row| row.shared).flat_map(ProviderRow::names).map(String::as_str)
}

pub(super) fn is_shared(name: &str) -> bool {
    shared_names().any(|shared| shared == name)
}

/// The name of a provider as variables contain it: in upper case, with `_` for `-`.
pub(super) fn upper(provider: &str) -> String {
    provider.to_ascii_uppercase().replace('-', "_")
}

/// `SOCIAL_AUTH_<PROVIDER>_<NAME>`.
pub fn provider_variable(provider: &str, setting: &str) -> String {
    format!("{SOCIAL_AUTH}{}_{setting}", upper(provider))
}

/// Why a setting of django-rest-social-auth has no effect.
pub(super) fn no_effect(name: &str) -> Option<&'static str> {
    reason(&TABLE.no_effect, name)
}

/// The same for a setting of one provider, by its short name.
pub(super) fn provider_no_effect(name: &str) -> Option<&'static str> {
    reason(&TABLE.provider_no_effect, name)
}

/// The backend of social-core that a name after `SOCIAL_AUTH_` belongs to, if it is not supported.
pub(super) fn unsupported_backend(short: &str) -> Option<&'static str> {
    let is_owner = |backend: &&String| short.strip_prefix(&upper(backend)).is_some_and(|rest| rest.starts_with('_'));
    TABLE.unsupported_backends.iter().find(is_owner).map(String::as_str)
}

fn reason(rows: &'static [NoEffect], name: &str) -> Option<&'static str> {
    rows.iter().find(|row| row.names.iter().any(|other| other == name)).map(|row| row.reason.as_str())
}

/// Whether a setting, with or without its prefix, decides who may sign in.
pub(super) fn decides_access(name: &str) -> bool {
    let short = name.strip_prefix(SOCIAL_AUTH).unwrap_or(name);
    let of_providers = TABLE.provider.iter().filter(|row| row.access);
    of_providers.flat_map(ProviderRow::names).any(|other| other == short)
        || settings().any(|setting| setting.access && setting.name.strip_prefix(SOCIAL_AUTH) == Some(short))
}

/// The known name that resembles `name` most, if one is similar enough. A common prefix does not count. ALLOW and WHITELIST are one
/// word, and an allow list is never meant by the name of a deny list.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let similarity = |candidate: &str| {
        let shared = OWN_PREFIXES.iter().find(|prefix| name.starts_with(**prefix) && candidate.starts_with(**prefix));
        let shared = shared.map_or(0, |prefix| prefix.len());
        let (name, candidate) = (&name[shared..], &candidate[shared..]);
        if list_kind(name).is_some() {
            strsim::normalized_damerau_levenshtein(&plain(name), &plain(candidate))
        } else {
            strsim::normalized_damerau_levenshtein(name, candidate)
        }
    };
    let is_opposite = |candidate: &&str| list_kind(candidate).zip(list_kind(name)).is_some_and(|(a, b)| a.0 != b.0);
    known
        .filter(|candidate| !is_opposite(candidate))
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// DENY or ALLOW, and the word of the name that says so.
fn list_kind(name: &str) -> Option<(&'static str, &str)> {
    // DISALLOW before ALLOW.
    let kinds = [
        ("DENY", ["DISALLOW", "DENIED", "DENY", "BLACKLIST", "BLOCKLIST", "BLOCK", "FORBID", "EXCLUDE"].as_slice()),
        ("ALLOW", ["ALLOW", "WHITELIST", "PERMIT"].as_slice()),
    ];
    let kind = |word: &str| kinds.iter().find(|(_, starts)| starts.iter().any(|start| word.starts_with(start)));
    name.split('_').find_map(|word| kind(word).map(|(kind, _)| (*kind, word)))
}

/// The name with ALLOW or DENY for the word that says so.
fn plain(name: &str) -> String {
    list_kind(name).map_or_else(|| name.to_owned(), |(kind, word)| name.replacen(word, kind, 1))
}

/// The setting of which the name of an environment variable is probably a misspelling. Few edits are allowed, because the
/// environment also contains variables of other programs: `FTP_PROXY` is not `HTTP_PROXY`, and `HOSTS` is not `HSTS`.
pub(super) fn misspelt_setting(name: &str) -> Option<&'static str> {
    let max_edits = |setting: &str| match setting.len() {
        ..6 => 0,
        6..12 => 1,
        _ => 2,
    };
    let mut names = settings().map(|setting| setting.name.as_str());
    // The difference of the lengths is the least number of edits. It excludes most pairs, which are some ten thousand at a start.
    names.find(|setting| {
        let max = max_edits(setting);
        name.len().abs_diff(setting.len()) <= max && strsim::damerau_levenshtein(name, setting) <= max
    })
}

/// The end of an error about an unknown name.
pub(super) fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Setting {
        fn type_text(&self) -> String {
            match self.kind {
                ValueType::Word => self.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
                ValueType::Url => "URL".to_owned(),
                kind => format!("{kind:?}{}", self.bounds()).to_lowercase(),
            }
        }

        fn default_column(&self) -> String {
            let default = match (&self.default_text, &self.default) {
                (Some(text), _) => text.clone(),
                (None, Some(default)) if self.kind == ValueType::Integer => default.clone(),
                (None, Some(default)) if self.kind == ValueType::Seconds => format!("{default} s"),
                (None, Some(default)) => format!("`{}`", default.replace(',', ", ")),
                (None, None) => "none".to_owned(),
            };
            let init = self.init.as_ref().map(|value| format!("; `init` writes `{value}`"));
            default + &init.unwrap_or_default()
        }
    }

    fn code<'a>(names: impl Iterator<Item = &'a String>) -> String {
        names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    /// Title of a section of the document, and the rows of its table.
    fn tables() -> Vec<(&'static str, Vec<String>)> {
        let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
        for group in &TABLE.group {
            let row = |setting: &Setting| {
                let Setting { name, description, .. } = setting;
                format!("| `{name}` | {} | {} | {description} |", setting.type_text(), setting.default_column())
            };
            tables.push((&group.title, group.settings.iter().map(row).collect()));
        }
        let providers = TABLE.provider.iter();
        let providers = providers.map(|row| format!("| {} | {} |", code(row.names()), row.description));
        tables.push(("Providers", providers.collect()));
        let no_effect = TABLE.no_effect.iter().chain(&TABLE.provider_no_effect);
        let no_effect = no_effect.map(|row| format!("| {} | {} |", code(row.names.iter()), row.reason));
        tables.push(("Settings without effect", no_effect.collect()));
        tables
    }

    /// `make settings` writes the tables of the document; all other text of it is written by hand.
    #[test]
    fn settings_document_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/SETTINGS.md");
        let written = std::fs::read_to_string(path).expect("the document");
        let mut tables = tables().into_iter().map(|(title, rows)| (format!("## {title}"), rows)).collect::<Vec<_>>();
        let (mut lines, mut rows, mut skips) = (Vec::new(), None, false);
        for line in written.lines() {
            if let Some(place) = tables.iter().position(|(title, _)| title == line) {
                rows = Some(tables.remove(place).1);
            }
            skips = skips && line.starts_with('|');
            if !skips {
                lines.push(line.to_owned());
            }
            if line.starts_with("|---") && lines.iter().rev().nth(1).is_some_and(|head| head.starts_with("| setting |"))
            {
                lines.extend(rows.take().unwrap_or_default());
                skips = true;
            }
        }
        assert!(tables.is_empty() && rows.is_none(), "a section or its table is missing");
        let expected = lines.join("\n") + "\n";
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &expected).expect("the document can be written");
        } else {
            assert!(written == expected, "docs/SETTINGS.md is not up to date: run make settings");
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_type() {
        for setting in settings() {
            for value in setting.default.iter().chain(&setting.init) {
                assert!(setting.parse(&Value::from(value.as_str())).is_ok(), "{}", setting.name);
            }
            assert!(setting.default.is_none() || setting.default_text.is_none(), "{}", setting.name);
            assert!(!setting.per_provider || setting.name.starts_with(SOCIAL_AUTH), "{}", setting.name);
        }
        for (name, kind) in of_every_provider() {
            assert_eq!(provider_kind(name), Some(kind), "{name}");
        }
        assert!(decides_access("SOCIAL_AUTH_SIGN_UP") && decides_access("ALLOW_GROUPS") && !decides_access("SCOPE"));
    }

    #[test]
    fn a_name_is_one_row() {
        let general = settings().map(|setting| setting.name.clone());
        let of_providers = shared_names().map(|name| format!("{SOCIAL_AUTH}{name}"));
        let without = TABLE.no_effect.iter().flat_map(|row| row.names.clone());
        let mut names: Vec<String> = general.chain(of_providers).chain(without).collect();
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_misspelt_name_finds_its_setting() {
        let known = || settings().map(|setting| setting.name.as_str());
        assert_eq!(nearest("ALLOWED_ORIGIN", known()), Some("ALLOWED_ORIGINS"));
        assert_eq!(nearest("STATE_POLCIY", known()), Some("STATE_POLICY"));
        let lists =
            ["WHITELISTED_DOMAINS", "DENIED_DOMAINS", "ALLOWED_PROVIDERS"].map(|name| format!("SOCIAL_AUTH_{name}"));
        for (name, meant) in [
            ("ALLOWED_DOMAINS", Some("WHITELISTED_DOMAINS")),
            ("BLACKLISTED_DOMAINS", Some("DENIED_DOMAINS")),
            ("DISALLOWED_PROVIDERS", None),
            ("ALLOWED_PROVIDER", Some("ALLOWED_PROVIDERS")),
        ] {
            let found = nearest(&format!("SOCIAL_AUTH_{name}"), lists.iter().map(String::as_str));
            assert_eq!(found, meant.map(|meant| format!("SOCIAL_AUTH_{meant}")).as_deref(), "{name}");
        }
        assert_eq!(nearest("SIMPLE_JWT_ALGORITM", known()), Some("SIMPLE_JWT_ALGORITHM"));
        for unlike in ["XYZZY", "SIMPLE_JWT_ROTAT", "REST_KNOX_COLOUR"] {
            assert_eq!(nearest(unlike, known()), None, "{unlike}");
        }
    }

    #[test]
    fn values_out_of_bounds_are_errors() {
        for (name, value, problem) in [
            ("DATABASE_POOL_SIZE", "0", "must be an integer, 1 to 1000"),
            ("SOCIAL_AUTH_UUID_LENGTH", "33", "must be an integer, 4 to 32"),
            ("WEBHOOK_TIMEOUT", "11", "must be a number of seconds, above 0, at most 10"),
            ("DATABASE_TIMEOUT", "0", "must be a number of seconds, above 0, at most 3600"),
            ("SHUTDOWN_DELAY", "301", "must be a number of seconds, at most 300"),
            ("STATE_POLICY", "None", "must be one of required, when_present, off"),
            ("MAX_USED_CODES", "1", "must be an integer, at least 10"),
        ] {
            let error = setting(name).expect(name).parse(&Value::from(value)).expect_err(name);
            assert_eq!(error, problem, "{name}");
        }
    }
}
