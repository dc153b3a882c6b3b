//! `providers list` and `providers show`: what the catalogue knows, and what the settings made of it. `providers check`
//! is `check.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, pretty, print, provider_check, settings_with_mistakes};
use crate::clock::Deps;
use crate::outgoing::Client;
use crate::provider::descriptor::Descriptor;
use crate::provider::{self, CatalogEntry, Provider, Providers};
use crate::settings::{SettingRules, Settings};

#[derive(Subcommand)]
pub(super) enum Command {
    /// All names, with those that are configured marked
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One provider: protocol, addresses, scopes, and the settings that it needs and knows
    Show {
        /// As `list` has it, or of your own
        name: String,
        /// Another entry of the catalogue under this name
        #[arg(long, value_name = "ID")]
        variant: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Test the configured providers as far as it goes without a user, and say what to fix and what to register there
    Check {
        /// This one alone
        name: Option<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    // Mistakes are for `serve` and `check` to tell: a catalogue can be read without a configuration.
    let (settings, mistakes) = settings_with_mistakes(config);
    match command {
        Command::List { json } => {
            let all = list(&settings);
            print(&if json { pretty(&all)? } else { lines(&all) })
        }
        Command::Show { name, variant, json } => {
            let shown = show(&name, variant.as_deref(), settings, &deps)?;
            print(&if json { pretty(&shown)? } else { indented(&shown, 0) })
        }
        Command::Check { name, json } => {
            provider_check::providers(name.as_deref(), json, &settings, mistakes, &deps).await
        }
    }
}

/// The configured ones that are the operator's own come first.
fn list(settings: &Settings) -> Vec<Value> {
    let catalog = provider::catalog_names();
    let own = settings.providers.iter().filter(|provider| !catalog.contains(&provider.name.as_str())).map(|provider| {
        let said = |field: &str| provider.descriptor.get(field).and_then(toml::Value::as_str).unwrap_or_default();
        json!({"name": provider.name, "title": said("title"), "protocol": said("protocol"), "configured": true})
    });
    let built_in = catalog.iter().map(|name| {
        let descriptor = provider::catalog_entry(name, None).map(|(_, descriptor)| descriptor).unwrap_or_default();
        let (title, protocol) = (descriptor.title, descriptor.protocol.to_string());
        let configured = settings.providers.iter().any(|provider| provider.name == *name);
        json!({"name": name, "title": title, "protocol": protocol, "configured": configured})
    });
    own.chain(built_in).collect()
}

fn lines(all: &[Value]) -> String {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let widest = all.iter().map(|entry| text(entry, "name").len()).max().unwrap_or_default();
    all.iter().fold(String::new(), |mut lines, entry| {
        let mark = if entry["configured"] == true { "*" } else { " " };
        let (name, title) = (text(entry, "name"), text(entry, "title"));
        let _ = writeln!(lines, "{mark} {name:widest$}  {:7}  {title}", text(entry, "protocol"));
        lines
    })
}

/// As configured, where it is; else as the catalogue has it.
fn show(name: &str, variant: Option<&str>, settings: Settings, deps: &Deps) -> Result<Value, Failure> {
    let configured = settings.providers.iter().position(|provider| provider.name == name);
    match configured.filter(|_| variant.is_none()) {
        None => {
            let (entry, descriptor) = provider::catalog_entry(name, variant).map_err(Failure::Other)?;
            Ok(in_catalogue(&entry, &descriptor))
        }
        Some(place) => {
            let mut settings = settings;
            settings.providers = vec![settings.providers.swap_remove(place)];
            let client = Client::new(&settings.outgoing)?;
            let providers = Providers::from_settings(&settings, &client, deps)?;
            Ok(providers.get(name).map(|provider| as_configured(provider)).unwrap_or_default())
        }
    }
}

fn in_catalogue(entry: &CatalogEntry, descriptor: &Descriptor) -> Value {
    let discovery = descriptor.discovery.url.as_ref().or(descriptor.discovery.endpoint.as_ref());
    json!({
        "id": entry.id,
        "name": entry.name,
        "title": descriptor.title,
        "protocol": descriptor.protocol.to_string(),
        "service": descriptor.service,
        "discovery": discovery.map(|url| url.source()),
        "request_token_url": descriptor.oauth1.request_token_url.source(),
        "authorization_url": descriptor.authorization.url.source(),
        "token_url": descriptor.token.url.source(),
        "userinfo_urls": descriptor.userinfo.iter().map(|request| request.url.source()).collect::<Vec<_>>(),
        "scope": descriptor.scope.default,
        "pkce": descriptor.authorization.pkce,
        "verified_email": descriptor.user.email_verified.as_ref().map(|rule| rule.source()),
        "settings": needs(descriptor),
    })
}

/// Without a secret: the addresses are shown as the descriptor has them.
fn as_configured(provider: &Provider) -> Value {
    let descriptor = provider.descriptor();
    json!({
        "name": provider.name(),
        "title": descriptor.title,
        "protocol": provider.protocol().to_string(),
        "authorization_url": descriptor.authorization.url.source(),
        "token_url": descriptor.token.url.source(),
        "userinfo_urls": descriptor.userinfo.iter().map(|request| request.url.source()).collect::<Vec<_>>(),
        "scope": provider.scope(),
        "pkce": provider.uses_pkce(),
        "login_fields": provider.login_fields(),
        "association_only": descriptor.association_only,
        "uid": provider.id_key(),
        "settings": needs(descriptor),
    })
}

/// The settings that a descriptor asks for and knows, with their defaults.
fn needs(descriptor: &Descriptor) -> Value {
    let rules = &descriptor.settings;
    let key = Some("KEY").filter(|_| descriptor.has_client() && descriptor.client_id.is_none());
    let has_secret = descriptor.token.takes_secret(descriptor.token.auth) && descriptor.client_secret.is_none();
    let secret = Some("SECRET").filter(|name| has_secret && !rules.one_of.iter().any(|other| other == name));
    let own = rules.required.iter().map(String::as_str);
    let usual = key.into_iter().chain(secret).filter(|name| !rules.required.iter().any(|other| other == name));
    let required: Vec<&str> = usual.chain(own).collect();
    let defaults: BTreeMap<&str, &Value> = rules.defaults.iter().map(|(name, value)| (name.as_str(), value)).collect();
    json!({
        "required": required,
        "one_of": rules.one_of,
        "optional": rules.optional,
        "defaults": defaults,
        "of_every_provider": SettingRules::common().filter(|name| !required.contains(name)).collect::<Vec<_>>(),
    })
}

/// One line a member; what is empty is left out.
fn indented(value: &Value, depth: usize) -> String {
    let mut lines = String::new();
    for (name, member) in value.as_object().into_iter().flatten() {
        let text = match member {
            Value::Null => continue,
            Value::String(text) if text.is_empty() => continue,
            Value::String(text) => text.clone(),
            Value::Array(list) if list.is_empty() => continue,
            Value::Array(list) => list
                .iter()
                .map(|entry| entry.as_str().map_or_else(|| entry.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(", "),
            Value::Object(_) => {
                let members = indented(member, depth + 2);
                if !members.is_empty() {
                    let _ = write!(lines, "{:depth$}{name}:\n{members}", "");
                }
                continue;
            }
            _ => member.to_string(),
        };
        let _ = writeln!(lines, "{:depth$}{name}: {text}", "");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_shown_a_line_a_fact_without_what_is_empty() {
        let shown = json!({"name": "x", "scope": ["a", "b"], "none": null, "empty": [], "settings": {"required": ["KEY"]}, "more": {"none": []}});
        assert_eq!(indented(&shown, 0), "name: x\nscope: a, b\nsettings:\n  required: KEY\n");
    }

    #[test]
    fn every_name_of_the_catalogue_is_listed_with_its_protocol() {
        let all = list(&settings_with_mistakes(None).0);
        let github = all.iter().find(|entry| entry["name"] == "github").expect("github");
        assert_eq!(github["protocol"], "oauth2");
        assert!(all.len() >= provider::catalog_names().len());
    }
}
