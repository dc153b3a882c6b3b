//! Brings the file, the environment and the defaults of `dev` together: whose setting is each, and is there such a one?
//! What a value means is decided elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;

use super::SettingError;
use super::names::{self, OF_EVERY_PROVIDER, SETTINGS, USER_RULES, hint};
use super::value::{self, Found, Section};

/// All that was found, by owner.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) general: Section,
    /// SOCIAL_AUTH_<NAME> that every provider reads.
    pub(super) shared: BTreeMap<String, Value>,
    /// In the settings' order: those of the file, those of the environment by name, those that `dev` brings along.
    pub(super) providers: Vec<GatheredProvider>,
    pub(super) errors: Vec<SettingError>,
    pub(super) warnings: Vec<String>,
}

/// Where a provider is named first; also the order in which providers stand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    File,
    Environment,
    /// `dev` brings it along.
    Defaults,
}

pub(super) struct GatheredProvider {
    pub(super) name: String,
    origin: Origin,
    /// By name in upper case, without the prefix.
    pub(super) section: Section,
    pub(super) descriptor: toml::Table,
}

/// Fields of a descriptor (`provider/`) that are written without a table.
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

/// A setting whose value is an object ends so; every other table is one of a descriptor.
const OBJECT_SETTINGS: [&str; 5] = ["_arguments", "_params", "_options", "_mapping", "_map"];

impl GatheredProvider {
    fn new(name: &str, origin: Origin) -> Self {
        Self { name: name.to_owned(), origin, section: Section::default(), descriptor: toml::Table::new() }
    }
}

const PREFIX: &str = "SOCIAL_AUTH_";

/// Weakest first: `defaults`, `file`, `environment`.
pub(super) fn gather(
    defaults: &toml::Table,
    file: &toml::Table,
    environment: &BTreeMap<String, String>,
    catalog: &[&str],
) -> Gathered {
    let mut gathered = Gathered::default();
    gathered.take_table(defaults, Origin::Defaults, catalog);
    gathered.take_table(file, Origin::File, catalog);
    gathered.take_environment(environment, catalog);
    gathered.providers.sort_by_key(|provider| provider.origin);
    gathered
}

impl Gathered {
    fn take_table(&mut self, table: &toml::Table, origin: Origin, catalog: &[&str]) {
        if let Some(providers) = table.get("providers") {
            match providers.as_table() {
                Some(providers) => {
                    for (name, fields) in providers {
                        self.take_provider(name, fields, origin, catalog);
                    }
                }
                None => self.errors.push(SettingError::new("providers", "must be tables: [providers.github]")),
            }
        }
        for (key, written) in table.iter().filter(|(key, _)| *key != "providers") {
            let name = key.to_ascii_uppercase();
            let value = value::from_toml(written);
            if names::is_setting(&name) {
                self.general.0.insert(name, Found { value, label: key.clone(), in_file: true });
            } else if let Some(reason) = names::no_effect(&name) {
                self.without_effect(key, &name, &value, reason);
            } else if let Some(shared) = name.strip_prefix(PREFIX).filter(|rest| OF_EVERY_PROVIDER.contains(rest)) {
                self.shared.insert(shared.to_owned(), value);
            } else {
                let problem = unknown_in_file(&name, written, catalog);
                self.errors.push(SettingError::new(key, problem));
            }
        }
    }

    fn take_provider(&mut self, name: &str, fields: &toml::Value, origin: Origin, catalog: &[&str]) {
        let label = format!("providers.{name}");
        let Some(fields) = fields.as_table() else {
            return self.errors.push(SettingError::new(label, "must be a table"));
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
            let problem = "a provider's name is 1 to 32 letters, digits, - and _";
            return self.errors.push(SettingError::new(label, problem));
        }
        let built_in = catalog.contains(&name);
        let mut provider = GatheredProvider::new(name, origin);
        for (key, written) in fields {
            if is_descriptor_field(key, written, built_in) {
                provider.descriptor.insert(key.clone(), written.clone());
            } else {
                let found = Found { value: value::from_toml(written), label: format!("{label}.{key}"), in_file: true };
                self.take_setting(&mut provider, &key.to_ascii_uppercase(), found);
            }
        }
        if !built_in && provider.descriptor.is_empty() {
            let meant = hint(names::nearest(name, catalog.iter().copied()));
            let problem =
                format!("there is no provider of this name{meant}. One of your own says `extends` or `protocol`");
            self.errors.push(SettingError::new(label, problem));
        }
        self.providers.retain(|known| known.name != name);
        self.providers.push(provider);
    }

    fn take_setting(&mut self, provider: &mut GatheredProvider, name: &str, found: Found) {
        match names::no_effect(&format!("{PREFIX}{name}")) {
            Some(reason) => self.without_effect(&found.label, &format!("{PREFIX}{name}"), &found.value, reason),
            None => {
                provider.section.0.insert(name.to_owned(), found);
            }
        }
    }

    fn take_environment(&mut self, environment: &BTreeMap<String, String>, catalog: &[&str]) {
        let own = self.providers.iter().map(|provider| provider.name.clone());
        let prefixes = prefixes(own.chain(catalog.iter().map(|name| (*name).to_owned())));
        // By provider, so that a provider's settings come together and providers are sorted by name.
        let mut of_providers: BTreeMap<&str, Vec<(String, Found)>> = BTreeMap::new();
        let known = known_names(catalog);
        for (name, text) in environment {
            if names::is_setting(name) {
                if !text.trim().is_empty() {
                    let found = Found { value: Value::from(text.as_str()), label: name.clone(), in_file: false };
                    self.general.0.insert(name.clone(), found);
                }
                continue;
            }
            if let Some(reason) = names::no_effect(name) {
                self.without_effect(name, name, &Value::from(text.as_str()), reason);
                continue;
            }
            let Some(rest) = name.strip_prefix(PREFIX) else {
                self.warn_of_unknown(name, &known);
                continue;
            };
            let owner = prefixes.iter().find_map(|(prefix, provider)| Some((provider, rest.strip_prefix(prefix)?)));
            match owner.filter(|(_, setting)| !setting.is_empty()) {
                Some((provider, setting)) => {
                    let found = Found { value: value::untyped(text), label: name.clone(), in_file: false };
                    of_providers.entry(provider).or_default().push((setting.to_owned(), found));
                }
                None => self.take_shared(name, rest, text, &known),
            }
        }
        for (name, settings) in of_providers {
            self.take_provider_of_environment(name, settings);
        }
    }

    fn take_shared(&mut self, name: &str, rest: &str, text: &str, known: &[String]) {
        if !OF_EVERY_PROVIDER.contains(&rest) {
            let meant = names::nearest(name, known.iter().map(String::as_str));
            let problem = format!("no setting or provider of this name is known{}", hint(meant));
            let error = SettingError::new(name, problem);
            if meant.is_some_and(names::says_who_may_enter) {
                self.errors.push(error);
            } else {
                self.warnings.push(error.to_string());
            }
            return;
        }
        self.shared.insert(rest.to_owned(), value::untyped(text));
    }

    fn take_provider_of_environment(&mut self, name: &str, settings: Vec<(String, Found)>) {
        let listed = self.providers.iter().position(|provider| provider.name == name);
        let mut provider = match listed {
            Some(place) => self.providers.remove(place),
            None => GatheredProvider::new(name, Origin::Environment),
        };
        for (setting, found) in settings {
            self.take_setting(&mut provider, &setting, found);
        }
        let has = |setting| provider.section.0.get(setting).is_some_and(|found| found.value.as_str() != Some(""));
        let has_key = has("KEY") || INSTEAD_OF_KEY.iter().any(|(other, setting)| *other == name && has(setting));
        match listed {
            Some(place) => self.providers.insert(place, provider),
            None if has_key => self.providers.push(provider),
            None => {
                let key = format!("{PREFIX}{}_KEY", upper(name));
                self.warnings.push(format!("{name} is not configured: {key} is not set, though other settings are"));
            }
        }
    }

    /// SIMPLE_JWT, REST_KNOX and REST_SOCIAL, what the original read without its prefix, and what is a slip away from a name of
    /// ours; all other names of the environment are somebody else's.
    fn warn_of_unknown(&mut self, name: &str, known: &[String]) {
        if USER_RULES.contains(&name) {
            self.warnings.push(format!("{name} is not read: a setting has its whole name, {PREFIX}{name}"));
            return;
        }
        let ours = ["SIMPLE_JWT_", "REST_KNOX_", "REST_SOCIAL_"].iter().any(|prefix| name.starts_with(prefix));
        let known = known.iter().map(String::as_str);
        let meant = if ours { names::nearest(name, known) } else { names::slip(name, known) };
        if name != CONFIG && (ours || meant.is_some()) {
            self.warnings.push(format!("{name}: no setting of this name is known{}", hint(meant)));
        }
    }

    fn without_effect(&mut self, label: &str, name: &str, value: &Value, reason: &str) {
        // Certificates are verified, and nothing is limited, as asked.
        let harmless = match name {
            "SOCIAL_AUTH_VERIFY_SSL" => value::flag(value) == Ok(true),
            "RATE_LIMITS" => value == "off",
            _ => false,
        };
        if !harmless {
            self.warnings.push(format!("{label} has no effect: {reason}"));
        }
    }
}

/// What configures a provider that knows no client id.
const INSTEAD_OF_KEY: [(&str, &str); 2] = [("steam", "API_KEY"), ("telegram", "BOT_TOKEN")];

/// Names the settings file.
const CONFIG: &str = "REST_SOCIAL_AUTH_CONFIG";

fn general_names<'a>() -> impl Iterator<Item = &'a str> {
    SETTINGS.iter().map(|(name, _, _)| *name)
}

/// What a name of the environment may have been meant to be.
fn known_names(catalog: &[&str]) -> Vec<String> {
    let of_provider =
        |name: &&str| ["KEY", "SECRET", "SCOPE"].map(|setting| format!("{PREFIX}{}_{setting}", upper(name)));
    let of_all = OF_EVERY_PROVIDER.iter().map(|name| format!("{PREFIX}{name}"));
    let general = general_names().chain([CONFIG]).map(str::to_owned);
    general.chain(of_all).chain(catalog.iter().flat_map(of_provider)).collect()
}

/// GITHUB_ENTERPRISE_ before GITHUB_: the longest name that fits decides.
fn prefixes(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let mut prefixes: Vec<(String, String)> = names.map(|name| (format!("{}_", upper(&name)), name)).collect();
    prefixes.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    prefixes
}

fn upper(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// Some names are both: `scope` is the SCOPE setting as a list and the scopes' rules as a table; `name` is the NAME
/// setting of a provider of the catalogue. Those who write a provider of their own write its descriptor.
fn is_descriptor_field(key: &str, written: &toml::Value, built_in: bool) -> bool {
    if written.is_table() || written.as_array().is_some_and(|list| list.iter().any(toml::Value::is_table)) {
        return !OBJECT_SETTINGS.iter().any(|end| key.ends_with(end));
    }
    match key {
        "name" | "extra_data" => !built_in,
        _ => DESCRIPTOR_FIELDS.contains(&key),
    }
}

fn unknown_in_file(name: &str, written: &toml::Value, catalog: &[&str]) -> String {
    let prefixes = prefixes(catalog.iter().map(|name| (*name).to_owned()));
    let of_provider = name
        .strip_prefix(PREFIX)
        .and_then(|rest| prefixes.iter().find_map(|(prefix, provider)| Some((provider, rest.strip_prefix(prefix)?))));
    if let Some((provider, setting)) = of_provider {
        return format!("belongs into the table [providers.{provider}] as `{}`", setting.to_ascii_lowercase());
    }
    if written.is_table() {
        return "is no table of this file: settings stand at its top with their whole names, providers in \
                [providers.<name>]"
            .to_owned();
    }
    let every: Vec<String> = OF_EVERY_PROVIDER.iter().map(|name| format!("{PREFIX}{name}")).collect();
    let nearest = names::nearest(name, general_names().chain(every.iter().map(String::as_str)));
    let in_table = USER_RULES.contains(&name) || OF_EVERY_PROVIDER.contains(&name);
    match nearest {
        Some(nearest) => format!("is no setting; did you mean {}?", nearest.to_ascii_lowercase()),
        None if in_table => "is a setting of one provider and belongs into [providers.<name>]".to_owned(),
        None => "is no setting".to_owned(),
    }
}
