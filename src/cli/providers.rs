//! `providers list` and `providers show`: the catalogue of providers, and the configured ones. `providers check` and
//! `providers guide` are in files of their own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::configuration::{refuse_unreadable_file, settings_with_errors};
use super::failure::Failure;
use super::output::{print, print_either};
use super::{provider_check, provider_guide, provider_simulation};
use crate::clock::Deps;
use crate::outgoing::Client;
use crate::provider::descriptor::Descriptor;
use crate::provider::{self, CatalogEntry, Provider, Providers, Sample};
use crate::settings::{SettingRules, Settings};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List all providers; configured ones are marked with *
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one provider: protocol, URLs, scopes, and its required and optional settings
    Show {
        /// Name from `providers list`, a short one such as `google`, or the name of your own provider
        name: String,
        /// Another catalogue entry of the same name
        #[arg(long, value_name = "ID")]
        variant: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print the sample of the provider: one login with its requests and answers, as TOML
        #[arg(long, conflicts_with = "json")]
        sample: bool,
    },
    /// Print how to register this server at a provider: console, redirect URIs, settings, scopes, error messages
    Guide {
        /// Name from `providers list`, a short one such as `google`, or the name of your own provider
        name: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Test the configured providers without a user, say what to fix, and list the redirect URIs to register
    Check {
        /// Only this provider; a short name such as `google` works too
        name: Option<String>,
        /// Run a whole login at the simulator, offline, and print each request and answer
        #[arg(long, requires = "name")]
        simulate: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    // `list`, `show` and `guide` work without settings, so they ignore errors in them, but not in the file as a whole.
    let (settings, errors) = settings_with_errors(config);
    refuse_unreadable_file(config, &errors)?;
    match command {
        Command::List { json } => {
            let all = list(&settings);
            print_either(json, &all, &as_lines(&all))
        }
        Command::Show { name, variant, sample: true, .. } => {
            print(&sample(&full_name(&name, &settings)?, variant.as_deref(), &settings)?)
        }
        Command::Show { name, variant, json, sample: false } => {
            let shown = show(&full_name(&name, &settings)?, variant.as_deref(), settings, &deps)?;
            print_either(json, &shown, &indented(&shown, 0))
        }
        Command::Guide { name, json } => provider_guide::print_guide(&name, json, &settings),
        Command::Check { name: Some(name), json, simulate: true } => {
            provider_simulation::simulate(&full_name(&name, &settings)?, json, &settings, &deps).await
        }
        Command::Check { name, json, .. } => {
            let name = name.map(|name| full_name(&name, &settings)).transpose()?;
            provider_check::check(name.as_deref(), json, &settings, errors, &deps).await
        }
    }
}

/// The name of a provider for a short one of the guides, such as `google`. A configured provider comes first, then the catalogue:
/// its `slack` is the flow before OpenID Connect, and the short name of the other flow.
///
/// Errors: there is no such provider.
fn full_name(name: &str, settings: &Settings) -> Result<String, Failure> {
    let is_configured = |name: &str| settings.providers.iter().any(|provider| provider.name == name);
    if is_configured(name) {
        return Ok(name.to_owned());
    }
    let guide = provider_guide::find(name, settings)?.provider;
    let is_own = is_configured(&guide) || !provider::catalog_names().contains(&name);
    Ok(if is_own { guide } else { name.to_owned() })
}

/// What `providers list` prints about a provider.
#[derive(Serialize)]
struct ListedProvider {
    name: String,
    title: String,
    protocol: String,
    configured: bool,
}

/// The operator's own providers come first, then the catalogue.
fn list(settings: &Settings) -> Vec<ListedProvider> {
    let catalog = provider::catalog_names();
    let own = settings.providers.iter().filter(|provider| !catalog.contains(&provider.name.as_str())).map(|provider| {
        let text = |field: &str| provider.descriptor.get(field).and_then(toml::Value::as_str).unwrap_or_default();
        let (title, protocol) = (text("title").to_owned(), text("protocol").to_owned());
        ListedProvider { name: provider.name.clone(), title, protocol, configured: true }
    });
    let built_in = catalog.iter().map(|name| {
        let descriptor = provider::catalog_entry(name, None).map(|(_, descriptor)| descriptor).unwrap_or_default();
        let (title, protocol) = (descriptor.title, descriptor.protocol.to_string());
        let configured = settings.providers.iter().any(|provider| provider.name == *name);
        ListedProvider { name: (*name).to_owned(), title, protocol, configured }
    });
    own.chain(built_in).collect()
}

fn as_lines(all: &[ListedProvider]) -> String {
    let widest = all.iter().map(|entry| entry.name.len()).max().unwrap_or_default();
    all.iter().fold(String::new(), |mut lines, ListedProvider { name, title, protocol, configured }| {
        let mark = if *configured { "*" } else { " " };
        let _ = writeln!(lines, "{mark} {name:widest$}  {protocol:7}  {title}");
        lines
    })
}

/// The configured provider, or else the catalogue entry.
fn show(name: &str, variant: Option<&str>, settings: Settings, deps: &Deps) -> Result<Value, Failure> {
    let configured = settings.providers.iter().position(|provider| provider.name == name);
    match configured.filter(|_| variant.is_none()) {
        None => {
            let (entry, descriptor) = provider::catalog_entry(name, variant).map_err(Failure::Other)?;
            Ok(entry_json(&entry, &descriptor))
        }
        Some(index) => {
            let mut settings = settings;
            settings.providers = vec![settings.providers.swap_remove(index)];
            let client = Client::new(&settings.outgoing)?;
            let providers = Providers::from_settings(&settings, &client, deps)?;
            Ok(providers.get(name).map(|provider| provider_json(provider)).unwrap_or_default())
        }
    }
}

/// The text of a sample: of the settings, or else of the catalogue.
fn sample(name: &str, variant: Option<&str>, settings: &Settings) -> Result<String, Failure> {
    let own = settings.providers.iter().find(|provider| provider.name == name && variant.is_none());
    if let Some(sample) = own.and_then(|own| own.descriptor.get("sample")) {
        return toml::to_string(sample).map_err(|error| Failure::Other(error.to_string()));
    }
    let (entry, _) = provider::catalog_entry(name, variant).map_err(Failure::Other)?;
    let text = Sample::text_of(entry.id).ok_or_else(|| Failure::Other(format!("{name} has no sample")))?;
    Ok(text.to_owned())
}

fn entry_json(entry: &CatalogEntry, descriptor: &Descriptor) -> Value {
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
        "login_parameters": descriptor.authorization.login_parameters,
        "verified_email": descriptor.user.email_verified.as_ref().map(|rule| rule.source()),
        "settings": settings_json(descriptor),
    })
}

/// Contains no secret: URLs are shown as in the descriptor, without values of settings.
fn provider_json(provider: &Provider) -> Value {
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
        "login_parameters": descriptor.authorization.login_parameters,
        "login_fields": provider.login_fields(),
        "association_only": descriptor.association_only,
        "uid": provider.id_key(),
        "settings": settings_json(descriptor),
    })
}

/// The settings of a descriptor: required and optional ones, and defaults.
fn settings_json(descriptor: &Descriptor) -> Value {
    let rules = &descriptor.settings;
    let required = descriptor.needed_settings();
    let defaults: BTreeMap<&str, &Value> = rules.defaults.iter().map(|(name, value)| (name.as_str(), value)).collect();
    json!({
        "required": required,
        "one_of": rules.one_of,
        "optional": rules.optional,
        "defaults": defaults,
        "of_every_provider": SettingRules::common().filter(|name| !required.contains(name)).collect::<Vec<_>>(),
    })
}

/// One line for each member that is not empty.
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
    use crate::settings::{Sources, read_with_errors};

    #[test]
    fn empty_members_are_not_shown() {
        let shown = json!({"name": "x", "scope": ["a", "b"], "none": null, "empty": [], "settings": {"required": ["KEY"]}, "more": {"none": []}});
        assert_eq!(indented(&shown, 0), "name: x\nscope: a, b\nsettings:\n  required: KEY\n");
    }

    #[test]
    fn short_names_of_the_guides_stand_for_providers() {
        let with = |table: &str| {
            let catalog = provider::catalog_names();
            let defaults = table.parse().expect("a table");
            read_with_errors(&Sources { defaults, catalog: &catalog, ..Sources::default() }).0
        };
        let name = |short: &str, table: &str| full_name(short, &with(table)).unwrap_or_else(|_| panic!("{short}"));
        for (short, full) in [
            ("google", "google-oauth2"),
            ("apple", "apple-id"),
            ("microsoft", "azuread-v2-tenant-oauth2"),
            ("linkedin", "linkedin-openidconnect"),
            ("x", "twitter-oauth2"),
            ("github", "github"),
            ("slack", "slack"),
        ] {
            assert_eq!(name(short, ""), full);
        }
        let openid = "[providers.slack-oidc]\nextends = 'oidc'\nkey = 'a'\n";
        assert_eq!(name("slack", openid), "slack-oidc");
        assert_eq!(name("slack", &format!("{openid}[providers.slack]\nkey = 'a'\n")), "slack");
        assert!(full_name("no-such-provider", &with("")).is_err());
    }

    #[test]
    fn the_whole_catalogue_is_listed_with_protocols() {
        let all = list(&settings_with_errors(None).0);
        let github = all.iter().find(|entry| entry.name == "github").expect("github");
        assert_eq!(github.protocol, "oauth2");
        assert!(all.len() >= provider::catalog_names().len());
    }
}
