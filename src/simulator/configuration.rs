//! Which providers are simulated, and the settings that they get: a client of the simulator, and those of the sample.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::keys::Keys;
use crate::provider::{Sample, catalog_entries, entry_of, nearest};
use crate::settings::{ProviderSettings, Settings};

/// Settings of a sample that restrict who may sign in.
const RESTRICTIONS: [&str; 4] =
    ["ALLOWED_ORGANIZATIONS", "ALLOWED_ENTITLEMENTS", "ALLOW_GROUPS", "VERIFIED_EMAILS_ONLY"];
/// Settings that show that a provider has a client of the operator.
const CLIENT_SETTINGS: [&str; 4] = ["KEY", "SECRET", "CLIENT", "BOT_TOKEN"];

/// Providers that most applications offer, in the order in which they are listed; all others follow by name.
const FIRST_PROVIDERS: [&str; 12] = [
    "google-oauth2",
    "github",
    "apple-id",
    "microsoft-graph",
    "facebook",
    "twitter-oauth2",
    "linkedin-openidconnect",
    "discord",
    "gitlab",
    "slack",
    "spotify",
    "twitch",
];

/// The name that stands for no provider.
const NO_PROVIDER: &str = "none";

/// A simulated provider by its name.
pub struct Simulated {
    pub name: String,
    pub sample: Sample,
}

/// See [`super::Simulator::add_providers`].
pub fn add_providers(settings: &mut Settings, only: &[String], keys: &Keys) -> Result<Vec<Simulated>, String> {
    let own: Vec<String> = settings
        .providers
        .iter()
        .filter(|one| one.descriptor.contains_key("sample"))
        .map(|one| one.name.clone())
        .collect();
    let entries = catalog_entries().filter(|entry| !entry.variant_only && !entry.is_gone);
    let mut names: Vec<String> = entries.map(|entry| entry.name.to_owned()).collect();
    names.extend(own);
    names.sort_unstable();
    names.dedup();
    if !only.is_empty() {
        let known = |name: &&String| {
            names.contains(name) || catalog_entries().any(|entry| entry.name == **name) || **name == NO_PROVIDER
        };
        if let Some(unknown) = only.iter().find(|name| !known(name)) {
            let hint = nearest(unknown);
            return Err(format!(
                "--simulate: there is no provider {unknown:?} with a sample; see `providers list`{hint}"
            ));
        }
        names.extend(only.iter().filter(|name| *name != NO_PROVIDER).cloned());
        names.sort_unstable();
        names.dedup();
        names.retain(|name| only.contains(name));
    }
    let has_client = |name: &String| settings.providers.iter().any(|one| one.name == *name && has_client(one));
    names.retain(|name| !has_client(name));
    let rank = |name: &String| FIRST_PROVIDERS.iter().position(|first| first == name).unwrap_or(FIRST_PROVIDERS.len());
    names.sort_by_key(rank);
    let mut simulated = Vec::new();
    for name in names {
        simulated.push(add_provider(&name, settings, keys)?);
    }
    Ok(simulated)
}

fn has_client(provider: &ProviderSettings) -> bool {
    let is_set = |name: &str| provider.values.get(name).is_some_and(|value| *value != "" && !value.is_null());
    CLIENT_SETTINGS.into_iter().any(is_set)
}

/// See [`super::Simulator::add_provider`].
pub fn add_provider(name: &str, settings: &mut Settings, keys: &Keys) -> Result<Simulated, String> {
    let place = settings.providers.iter().position(|provider| provider.name == name);
    let known = place.map(|place| settings.providers.remove(place));
    let sample = sample_of(name, known.as_ref())?;
    let mut values = BTreeMap::from_iter([
        ("KEY".to_owned(), Value::from(format!("simulated-{name}"))),
        ("SECRET".to_owned(), Value::from(format!("simulated-secret-of-{name}"))),
    ]);
    for (setting, value) in &sample.settings {
        if RESTRICTIONS.contains(&setting.as_str()) || setting == "JWT_ALGORITHMS" {
            continue;
        }
        let text = value.as_str().unwrap_or_default();
        if text == "{public_key}" {
            values.insert("ALGORITHM".to_owned(), "ES256".into());
        }
        let value = match text {
            "{public_key}" => Value::from(keys.public_key()),
            "{private_key}" => Value::from(keys.client_key()),
            _ => value.clone(),
        };
        values.insert(setting.clone(), value);
    }
    let model = settings.providers.iter().find(|provider| provider.name == "demo").or(known.as_ref());
    let (shared, rules) = match model {
        Some(model) => (model.shared.clone(), model.user_rules.clone()),
        None => (BTreeMap::new(), settings.users.clone()),
    };
    let (mut own, descriptor, user_rules) = match known {
        Some(known) => (known.values, known.descriptor, known.user_rules),
        None => (BTreeMap::new(), toml::Table::new(), rules),
    };
    own.retain(|setting, _| !values.contains_key(setting));
    values.extend(own);
    let user_rules = settings.provider_lists.apply(name, user_rules);
    settings.providers.push(ProviderSettings {
        name: name.to_owned(),
        values,
        in_file: BTreeSet::new(),
        shared,
        environment: Arc::default(),
        descriptor,
        user_rules,
    });
    Ok(Simulated { name: name.to_owned(), sample })
}

fn sample_of(name: &str, known: Option<&ProviderSettings>) -> Result<Sample, String> {
    let own = known.and_then(|known| known.descriptor.get("sample"));
    if let Some(own) = own {
        let sample: Result<Sample, _> = own.clone().try_into();
        return sample.map_err(|error| format!("providers.{name}.sample: {}", error.to_string().trim()));
    }
    let variant =
        known.and_then(|known| known.get("VARIANT")).and_then(Value::as_str).filter(|variant| !variant.is_empty());
    let entry = entry_of(name, variant).map_err(|problem| format!("{name}: {problem}"))?;
    let Some(entry) = entry else {
        return Err(format!("{name} has no sample: add the table [providers.{name}.sample]; see docs/OFFLINE.md"));
    };
    let text = Sample::text_of(entry.id).ok_or_else(|| format!("{name} has no sample"))?;
    Sample::parse(text)
}
