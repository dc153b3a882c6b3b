//! Where settings come from: the defaults of `dev`, the file, and the environment. Each value is sorted by its owner (the
//! server, one provider, all providers), and unknown names are reported. Values are not interpreted here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use serde_json::Value;

use super::provider_names::{provider_hint, unknown_provider_setting};
use super::table::{self, OWN_PREFIXES, SOCIAL_AUTH, hint, upper};
use super::types::{Mode, SettingError};
use super::value_type::{boolean, from_toml};
use crate::model::UserField;

/// Where settings are read from. The file takes precedence over `defaults`, the environment over both.
#[derive(Clone, Default)]
pub struct Sources<'a> {
    /// Which command the settings are for.
    pub mode: Mode,
    /// The defaults of `dev`, in the form of the file.
    pub defaults: toml::Table,
    /// The settings file.
    pub file: Option<&'a Path>,
    /// Names and values. The last one of several entries of one name counts.
    pub environment: Vec<(String, OsString)>,
    /// Names of the provider catalogue: `SOCIAL_AUTH_*` belongs to the longest provider name that matches.
    pub catalog: &'a [&'a str],
    /// Names of the custom steps of a program, for SOCIAL_AUTH_PIPELINE.
    pub steps: &'a [&'a str],
    /// Custom fields of the user of a program. REST_SOCIAL_USER_FIELDS may declare one of the same name differently.
    pub fields: &'a [UserField],
}

/// The variables of the process. In a name that is not UTF-8, U+FFFD takes the place of the invalid bytes: so it is the name of no
/// setting, and reported as similar to one.
pub fn process_environment() -> impl Iterator<Item = (String, OsString)> {
    std::env::vars_os().map(|(name, text)| (name.to_string_lossy().into_owned(), text))
}

/// The problem of a variable whose value is not text. Such a value never counts as not set: it may be an allow list.
pub const NOT_UTF_8: &str = "is not UTF-8: it contains bytes of another encoding, such as Latin-1";

/// A value, and the name under which the operator wrote it: `STATE_POLICY` in the environment, `state_policy` in the file.
#[derive(Clone)]
pub(super) struct WrittenValue {
    pub value: Value,
    pub label: String,
    pub in_file: bool,
}

impl WrittenValue {
    /// An empty value counts as not set.
    pub fn is_empty(&self) -> bool {
        self.value.as_str().is_some_and(|text| text.trim().is_empty())
    }
}

/// Values by their names in the environment; those of a provider by their short names.
pub(super) type WrittenValues = BTreeMap<String, WrittenValue>;

#[derive(Default)]
pub(super) struct SourceValues {
    pub general: WrittenValues,
    /// SOCIAL_AUTH_<NAME> for all providers, by short name.
    pub shared: BTreeMap<String, Value>,
    /// Those of the file in its order, those of the environment by name, those of the defaults.
    pub providers: Vec<ProviderValues>,
    pub errors: Vec<SettingError>,
    pub warnings: Vec<String>,
    pub file_error: Option<SettingError>,
}

/// The names in one table of the file. Their case does not matter, so one setting could be there twice.
#[derive(Default)]
struct Spellings(BTreeMap<String, String>);

impl Spellings {
    /// `name`: `written` in upper case. Errors: the table has the setting in another spelling.
    fn add(&mut self, name: &str, written: &str) -> Result<(), String> {
        match self.0.insert(name.to_owned(), written.to_owned()) {
            Some(other) => Err(format!("is also set as {other}, in the same table: remove one of them")),
            None => Ok(()),
        }
    }
}

/// The source that names a provider first; also the order of the providers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    File,
    Environment,
    Defaults,
}

pub(super) struct ProviderValues {
    pub name: String,
    origin: Origin,
    pub values: WrittenValues,
    pub descriptor: toml::Table,
}

/// Fields of a descriptor (`provider/`) that are not tables.
const DESCRIPTOR_FIELDS: [&str; 11] = [
    "extends",
    "name",
    "variant_only",
    "title",
    "protocol",
    "quirk",
    "association_only",
    "callback_fields",
    "form_post",
    "client_id",
    "client_secret",
];

/// Ends of the names of settings that are objects; every other table of a provider belongs to its descriptor.
const OBJECT_SETTINGS: [&str; 5] = ["_arguments", "_params", "_options", "_mapping", "_map"];

/// The setting that configures a provider without a client id.
const KEY_SUBSTITUTES: [(&str, &str); 2] = [("steam", "API_KEY"), ("telegram", "BOT_TOKEN")];

/// Names the settings file.
const CONFIG: &str = "REST_SOCIAL_AUTH_CONFIG";

pub(super) fn read_sources(sources: &Sources<'_>) -> SourceValues {
    let (file, file_error) = match sources.file.map(load).transpose() {
        Ok(file) => (file.unwrap_or_default(), None),
        Err(error) => (toml::Table::new(), Some(error)),
    };
    let mut values = SourceValues { file_error, ..SourceValues::default() };
    values.add_table(&sources.defaults, Origin::Defaults, sources.catalog);
    values.add_table(&file, Origin::File, sources.catalog);
    values.add_environment(&variables(&sources.environment), sources.catalog);
    values.providers.sort_by_key(|provider| provider.origin);
    values
}

fn load(path: &Path) -> Result<toml::Table, SettingError> {
    let error = |problem: String| SettingError::new(path.display().to_string(), problem);
    let text = std::fs::read_to_string(path).map_err(|cause| error(format!("cannot be read: {cause}")))?;
    // The full message of the parser quotes the line, which may contain a secret.
    text.parse::<toml::Table>().map_err(|cause| {
        let line = cause.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        error(format!("line {line}: {}", cause.message()))
    })
}

/// Many systems set the proxies under their lower case names.
pub(super) fn variables(entries: &[(String, OsString)]) -> BTreeMap<String, OsString> {
    let mut variables: BTreeMap<String, OsString> = entries.iter().cloned().collect();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        if let Some(text) = variables.remove(&name.to_ascii_lowercase()) {
            variables.entry(name.to_owned()).or_insert(text);
        }
    }
    variables
}

impl SourceValues {
    fn add_table(&mut self, table: &toml::Table, origin: Origin, catalog: &[&str]) {
        let mut spellings = Spellings::default();
        for (key, written) in table {
            let name = key.to_ascii_uppercase();
            if let Err(problem) = spellings.add(&name, key) {
                self.errors.push(SettingError::new(key, problem));
                continue;
            }
            let value = from_toml(written);
            match written.as_table() {
                Some(providers) if key == "providers" => {
                    for (name, fields) in providers {
                        self.add_provider(name, fields, origin, catalog);
                    }
                }
                None if key == "providers" => {
                    self.errors.push(SettingError::new(key, "must be tables: [providers.github]"));
                }
                _ if table::setting(&name).is_some() => {
                    self.general.insert(name, WrittenValue { value, label: key.clone(), in_file: true });
                }
                _ => match (table::no_effect(&name), name.strip_prefix(SOCIAL_AUTH)) {
                    (Some(reason), _) => self.warn_of_no_effect(key, &name, &value, reason),
                    (None, Some(short)) if table::is_shared(short) => {
                        self.shared.insert(short.to_owned(), value);
                    }
                    _ => self.errors.push(SettingError::new(key, unknown_in_file(&name, written, catalog))),
                },
            }
        }
    }

    fn add_provider(&mut self, name: &str, fields: &toml::Value, origin: Origin, catalog: &[&str]) {
        let label = format!("providers.{name}");
        let Some(fields) = fields.as_table() else {
            return self.errors.push(SettingError::new(label, "must be a table"));
        };
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(is_allowed) {
            let problem = "a provider's name has 1 to 32 letters, digits, - and _";
            return self.errors.push(SettingError::new(label, problem));
        }
        let own = self.providers.iter().map(|provider| provider.name.as_str());
        let is_other = |other: &&str| *other != name && upper(other) == upper(name);
        if let Some(other) = own.chain(catalog.iter().copied()).find(is_other) {
            let problem = format!(
                "has the same variables as the provider {other}, SOCIAL_AUTH_{}_*: use the name {other}, or one that differs in \
                 more than case, - and _",
                upper(name)
            );
            return self.errors.push(SettingError::new(label, problem));
        }
        let is_built_in = catalog.contains(&name);
        let mut provider = ProviderValues::new(name, origin);
        let mut spellings = Spellings::default();
        for (key, written) in fields {
            if is_descriptor_field(key, written, is_built_in) {
                provider.descriptor.insert(key.clone(), written.clone());
                continue;
            }
            let (name, label) = (key.to_ascii_uppercase(), format!("{label}.{key}"));
            match spellings.add(&name, key) {
                Ok(()) => {
                    let found = WrittenValue { value: from_toml(written), label, in_file: true };
                    self.add_provider_setting(&mut provider, &name, found);
                }
                Err(problem) => self.errors.push(SettingError::new(label, problem)),
            }
        }
        if !is_built_in && provider.descriptor.is_empty() {
            let meant = provider_hint(name, catalog);
            let problem = format!("there is no provider of this name{meant}. Your own needs `extends` or `protocol`");
            self.errors.push(SettingError::new(label, problem));
        }
        self.providers.retain(|known| known.name != name);
        self.providers.push(provider);
    }

    fn add_provider_setting(&mut self, provider: &mut ProviderValues, name: &str, found: WrittenValue) {
        let general = format!("{SOCIAL_AUTH}{name}");
        match table::no_effect(&general) {
            Some(reason) => self.warn_of_no_effect(&found.label, &general, &found.value, reason),
            None => {
                provider.values.insert(name.to_owned(), found);
            }
        }
    }

    fn add_environment(&mut self, environment: &BTreeMap<String, OsString>, catalog: &[&str]) {
        let own = self.providers.iter().map(|provider| provider.name.clone());
        let prefixes = prefixes(own.chain(catalog.iter().map(|name| (*name).to_owned())));
        let known = known_names(catalog);
        let mut by_provider: BTreeMap<&str, Vec<(String, WrittenValue)>> = BTreeMap::new();
        for (name, text) in environment {
            let Some(text) = text.to_str() else {
                self.report_not_utf_8(name, &prefixes, &known, catalog);
                continue;
            };
            let found = WrittenValue { value: Value::from(text), label: name.clone(), in_file: false };
            let short = name.strip_prefix(SOCIAL_AUTH);
            // SOCIAL_AUTH_OIDC_ENDPOINT is the setting of every provider, not ENDPOINT of the provider `oidc`.
            let shared = short.filter(|short| table::is_shared(short));
            let owner = short.filter(|_| shared.is_none()).and_then(|short| owner(short, &prefixes));
            let is_general = table::setting(name).is_some() || table::no_effect(name).is_some();
            let ambiguous = short.filter(|_| !is_general && shared.is_none() && !found.is_empty());
            if let Some(problem) = ambiguous.and_then(|short| two_owners(short, &prefixes)) {
                self.errors.push(SettingError::new(name, problem));
            } else if table::setting(name).is_some() {
                if !found.is_empty() {
                    self.general.insert(name.clone(), found);
                }
            } else if let Some(reason) = table::no_effect(name) {
                self.warn_of_no_effect(name, name, &found.value, reason);
            } else if found.is_empty() && (shared.is_some() || owner.is_some()) {
                // An empty value counts as not set: it does not replace what the settings file says.
            } else if let Some((provider, setting)) = owner {
                by_provider.entry(provider).or_default().push((setting.to_owned(), found));
            } else if let Some(reason) = short.filter(|_| shared.is_none()).and_then(table::provider_no_effect) {
                self.warn_of_no_effect(name, name, &found.value, reason);
            } else if let Some(short) = shared {
                self.shared.insert(short.to_owned(), found.value);
            } else {
                self.report_unknown(name, &prefixes, &known, catalog);
            }
        }
        for (name, settings) in by_provider {
            self.add_provider_of_environment(name, settings);
        }
    }

    fn add_provider_of_environment(&mut self, name: &str, settings: Vec<(String, WrittenValue)>) {
        let place = self.providers.iter().position(|provider| provider.name == name);
        let mut provider = match place {
            Some(place) => self.providers.remove(place),
            None => ProviderValues::new(name, Origin::Environment),
        };
        for (setting, found) in settings {
            self.add_provider_setting(&mut provider, &setting, found);
        }
        let has = |setting: &str| provider.values.get(setting).is_some_and(|found| !found.is_empty());
        let has_key = has("KEY") || KEY_SUBSTITUTES.iter().any(|(other, setting)| *other == name && has(setting));
        match place {
            Some(place) => self.providers.insert(place, provider),
            None if has_key => self.providers.push(provider),
            None => {
                let key = table::provider_variable(name, "KEY");
                let others: Vec<&str> = provider.values.values().map(|found| found.label.as_str()).collect();
                self.warnings.push(format!("{name} is not configured: {key} is not set, but {} is", others.join(", ")));
            }
        }
    }

    /// Reports a setting in lower case, and a name that has a prefix of this server, that DRSA reads without its prefix, or that
    /// resembles a setting. Other names belong to other programs.
    fn report_unknown(&mut self, name: &str, prefixes: &[(String, String)], known: &[String], catalog: &[&str]) {
        let in_upper_case = name.to_ascii_uppercase();
        if in_upper_case != name && (table::setting(&in_upper_case).is_some() || is_own_name(&in_upper_case)) {
            let short = in_upper_case.strip_prefix(SOCIAL_AUTH).unwrap_or(&in_upper_case);
            let setting = owner(short, prefixes).map_or(short, |(_, setting)| setting);
            let problem = format!("is not read: in the environment, write {in_upper_case}");
            let error = SettingError::new(name, problem);
            if table::decides_access(short) || table::decides_access(setting) {
                self.errors.push(error);
            } else {
                self.warnings.push(error.to_string());
            }
        } else if table::is_user_rule(name) {
            self.warnings.push(format!("{name} is not read: the setting is named {SOCIAL_AUTH}{name}"));
        } else if let Some(backend) = name.strip_prefix(SOCIAL_AUTH).and_then(table::unsupported_backend) {
            self.warnings.push(format!("{name} is not read: the backend {backend} of social-core is not supported"));
        } else if name != CONFIG && is_own_name(name) {
            let of_provider = unknown_provider_setting(name, catalog);
            let meant = match &of_provider {
                Some(setting) => setting.meant.as_deref(),
                None => table::nearest(name, known.iter().map(String::as_str)),
            };
            let error = SettingError::new(name, format!("is not a known setting{}", hint(meant)));
            if meant.is_some_and(table::decides_access) {
                self.errors.push(error);
            } else {
                self.warnings.push(error.to_string());
            }
        } else if let Some(meant) = table::misspelt_setting(name) {
            self.warnings.push(format!("{name} is not a setting; did you mean {meant}?"));
        }
    }

    /// A setting, or a name that may have been meant to be one, is an error.
    fn report_not_utf_8(&mut self, name: &str, prefixes: &[(String, String)], known: &[String], catalog: &[&str]) {
        if table::setting(name).is_some() || name != CONFIG && is_own_name(name) {
            self.errors.push(SettingError::new(name, NOT_UTF_8));
        } else {
            self.report_unknown(name, prefixes, known, catalog);
        }
    }

    fn warn_of_no_effect(&mut self, label: &str, name: &str, value: &Value, reason: &str) {
        // The server always does what the value asks for.
        let is_met = match name {
            "SOCIAL_AUTH_VERIFY_SSL" => boolean(value) == Ok(true),
            _ => false,
        };
        if !is_met {
            self.warnings.push(format!("{label} has no effect: {reason}"));
        }
    }
}

impl ProviderValues {
    fn new(name: &str, origin: Origin) -> Self {
        Self { name: name.to_owned(), origin, values: WrittenValues::new(), descriptor: toml::Table::new() }
    }
}

/// Names that an unknown name may have been meant to be.
fn known_names(catalog: &[&str]) -> Vec<String> {
    let of_provider = |name: &&str| ["KEY", "SECRET", "SCOPE"].map(|setting| table::provider_variable(name, setting));
    let general = table::settings().map(|setting| setting.name.clone()).chain([CONFIG.to_owned()]);
    let shared = table::shared_names().map(|name| format!("{SOCIAL_AUTH}{name}"));
    general.chain(shared).chain(catalog.iter().flat_map(of_provider)).collect()
}

/// Sorted by length, so that GITHUB_ENTERPRISE_ comes before GITHUB_.
fn prefixes(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let mut prefixes: Vec<(String, String)> = names.map(|name| (format!("{}_", upper(&name)), name)).collect();
    prefixes.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    prefixes
}

/// Provider and setting of a name without SOCIAL_AUTH_.
fn owner<'a>(short: &'a str, prefixes: &'a [(String, String)]) -> Option<(&'a str, &'a str)> {
    let owner = prefixes.iter().find_map(|(prefix, provider)| Some((provider.as_str(), short.strip_prefix(prefix)?)));
    owner.filter(|(_, setting)| !setting.is_empty())
}

/// An access setting of one provider that reads as a setting of another one: `SOCIAL_AUTH_ACME_DENIED_DOMAINS`, where `acme` and
/// `acme_denied` are providers.
fn two_owners(short: &str, prefixes: &[(String, String)]) -> Option<String> {
    let mut owners = prefixes.iter().filter_map(|(prefix, provider)| Some((provider, short.strip_prefix(prefix)?)));
    let (first, own) = owners.next()?;
    let (other, setting) = owners.find(|(_, setting)| table::decides_access(setting))?;
    Some(format!(
        "is {setting} of the provider {other}, or {own} of the provider {first}: write it in the settings file, in the table of \
         the provider"
    ))
}

fn is_own_name(name: &str) -> bool {
    OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Some names are both: `scope` is the setting SCOPE as a list and a part of the descriptor as a table; `name` is the setting
/// NAME of a built-in provider and a descriptor field of an operator's own.
fn is_descriptor_field(key: &str, written: &toml::Value, is_built_in: bool) -> bool {
    if written.is_table() || written.as_array().is_some_and(|list| list.iter().any(toml::Value::is_table)) {
        return !OBJECT_SETTINGS.iter().any(|end| key.ends_with(end));
    }
    match key {
        "name" | "extra_data" => !is_built_in,
        _ => DESCRIPTOR_FIELDS.contains(&key),
    }
}

fn unknown_in_file(name: &str, written: &toml::Value, catalog: &[&str]) -> String {
    let prefixes = prefixes(catalog.iter().map(|name| (*name).to_owned()));
    if let Some((provider, setting)) = name.strip_prefix(SOCIAL_AUTH).and_then(|short| owner(short, &prefixes)) {
        return format!("belongs in the table [providers.{provider}] as `{}`", setting.to_ascii_lowercase());
    }
    if written.is_table() {
        return "is not a table of this file: write a setting at the top with its full name, a provider as \
                [providers.<name>]"
            .to_owned();
    }
    let known = known_names(&[]);
    match table::nearest(name, known.iter().map(String::as_str)) {
        Some(nearest) => format!("is not a setting; did you mean {}?", nearest.to_ascii_lowercase()),
        None if table::is_user_rule(name) || table::is_shared(name) => {
            "is a setting of one provider: write it in [providers.<name>]".to_owned()
        }
        None => "is not a setting".to_owned(),
    }
}
