//! How an operator registers this server at a provider: one text for the command `providers guide` and for
//! `docs/PROVIDER_SETUP.md`.

use std::fmt::Write as _;

use serde::Deserialize;

use super::catalog;
use super::descriptor::Descriptor;
use super::protocol::Protocol;
use crate::settings::provider_variable;

/// `(id, text)`, by id. The ID is the name of the provider.
static FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/guides.rs"));

/// In a step, the place of the list of redirect URIs.
const REDIRECT_URIS: &str = "{redirect_uris}";

/// A guide: a file in `guides/`, or made from a descriptor. All texts are Markdown.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Guide {
    /// The name of the provider, which the file has as its name.
    #[serde(skip)]
    pub provider: String,
    pub title: String,
    /// Other names under which users look for the provider.
    aliases: Vec<String>,
    /// URL of the page on which the operator registers an application.
    console: String,
    /// The month in which the steps were compared with the sources.
    checked: String,
    sources: Vec<String>,
    steps: Vec<String>,
    pub values: Vec<ConsoleValue>,
    /// A table for the settings file, if the provider needs one.
    settings_file: String,
    scopes: String,
    notes: Vec<String>,
    errors: Vec<KnownError>,
}

/// A setting and where its value comes from.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsoleValue {
    /// In upper case and without the prefix of the provider.
    pub setting: String,
    /// What the console calls the value.
    shown_as: String,
    /// The value itself, if it is the same for every operator.
    value: String,
}

/// An error message that the provider shows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownError {
    message: String,
    cause: String,
    remedy: String,
}

/// A redirect URI, and which logins use it.
pub(crate) struct NamedRedirectUri {
    pub uri: String,
    pub used_by: &'static str,
}

impl Guide {
    /// All guides that are files, by title.
    pub(crate) fn all() -> Vec<Self> {
        let mut all: Vec<Self> = FILES.iter().filter_map(|(id, text)| Self::parse(id, text).ok()).collect();
        all.sort_by_key(|guide| (guide.provider == "oidc", guide.title.clone()));
        all
    }

    /// The guide for a provider of the catalogue or for an alias such as `google`.
    ///
    /// Errors: there is no such provider.
    pub(crate) fn find(name: &str) -> Result<Self, String> {
        let is_named = |guide: &Self| guide.provider == name || guide.aliases.iter().any(|alias| alias == name);
        if let Some(guide) = Self::all().into_iter().find(is_named) {
            return Ok(guide);
        }
        let (entry, descriptor) = catalog::catalog_entry(name, None)?;
        Ok(Self::of_descriptor(entry.name, &descriptor, true))
    }

    /// The guide for a provider that only the settings file describes, with its fields in `own`.
    ///
    /// Errors: a field is wrong.
    pub(crate) fn of_own_provider(name: &str, own: &toml::Table) -> Result<Self, String> {
        let descriptor = catalog::read(None, own).map_err(|problem| format!("[providers.{name}]: {problem}"))?;
        Ok(Self::of_descriptor(name, &descriptor, false))
    }

    /// What a descriptor says about a provider without a file. `in_catalog`: its settings can come from
    /// environment variables.
    fn of_descriptor(name: &str, descriptor: &Descriptor, in_catalog: bool) -> Self {
        let title = if descriptor.title.is_empty() { name } else { &descriptor.title };
        let mut notes: Vec<String> =
            descriptor.service.iter().map(|state| format!("State of the service: {state}.")).collect();
        let mut steps = Vec::new();
        if matches!(descriptor.protocol, Protocol::OpenId2 | Protocol::Widget) {
            notes.push("This provider does not use OAuth: see [Providers without OAuth](PROVIDERS.md#providers-without-oauth).".to_owned());
        } else {
            steps.push(format!(
                "Register an application at {title}, of a type that has a secret, such as *web application*."
            ));
            steps.push(format!("As redirect URIs (or callback URLs), enter: {REDIRECT_URIS}"));
        }
        notes.push(format!(
            "`rest-social-auth providers show {name}` has the URLs, and all settings with their defaults."
        ));
        let values: Vec<ConsoleValue> =
            descriptor.needed_settings().into_iter().map(ConsoleValue::of_setting).collect();
        let table = || {
            let lines = values
                .iter()
                .map(|value| format!("{} = \"<{}>\"\n", value.setting.to_ascii_lowercase(), value.shown_as));
            format!("[providers.{name}]\n{}", lines.collect::<String>())
        };
        // A provider that needs no variable is configured by its table.
        let needs_table = !in_catalog || values.is_empty();
        let settings_file = if needs_table { table() } else { String::new() };
        Self {
            provider: name.to_owned(),
            title: title.to_owned(),
            steps,
            settings_file,
            scopes: match descriptor.scope.default.join(" ") {
                scopes if scopes.is_empty() => "None by default.".to_owned(),
                scopes => format!("The default is `{scopes}`."),
            },
            values: if needs_table { Vec::new() } else { values },
            notes,
            ..Self::default()
        }
    }

    fn parse(id: &str, text: &str) -> Result<Self, String> {
        let guide: Self = toml::from_str(text).map_err(|error| format!("{id}.toml: {error}"))?;
        Ok(Self { provider: id.to_owned(), ..guide })
    }

    /// The whole guide as Markdown, with a heading of this `level`.
    pub(crate) fn render(&self, level: usize, redirect_uris: &[NamedRedirectUri]) -> String {
        let mut text = format!("{} {}\n\nName: `{}`.", "#".repeat(level), self.title, self.provider);
        if !self.console.is_empty() {
            let _ = write!(text, " Console: <{}>.", self.console);
        }
        if !self.checked.is_empty() {
            let sources: Vec<String> = self.sources.iter().map(|url| format!("<{url}>")).collect();
            let _ = write!(text, " Compared with {} in {}.", sources.join(" and "), self.checked);
        }
        text.push_str("\n\n");
        self.render_steps(&mut text, redirect_uris);
        let _ = write!(text, "\n**Scopes.** {}\n", self.scopes);
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            let _ = writeln!(text, "- {note}");
        }
        if !self.errors.is_empty() {
            let _ = write!(text, "\n| {} says | cause | what to do |\n|---|---|---|\n", self.shown_title());
        }
        for KnownError { message, cause, remedy } in &self.errors {
            let _ = writeln!(text, "| {} | {cause} | {remedy} |", message.replace('|', "\\|"));
        }
        text
    }

    fn shown_title(&self) -> &str {
        if self.provider == "oidc" { "the provider" } else { &self.title }
    }

    fn render_steps(&self, text: &mut String, redirect_uris: &[NamedRedirectUri]) {
        let mut number = 0;
        let mut step = |text: &mut String, content: &str| {
            number += 1;
            let _ = writeln!(text, "{number}. {content}");
        };
        for content in &self.steps {
            step(text, content.replace(REDIRECT_URIS, "").trim_end());
            if content.contains(REDIRECT_URIS) {
                for NamedRedirectUri { uri, used_by } in redirect_uris {
                    let _ = writeln!(text, "   - `{uri}` ({used_by})");
                }
            }
        }
        if self.settings_file.is_empty() {
            step(text, "Set these variables in the environment of the server:\n\n   ```sh");
            for value in &self.values {
                let variable = provider_variable(&self.provider, &value.setting);
                let _ = writeln!(text, "   export {variable}={}", value.quoted());
            }
        } else {
            step(text, "Write into the settings file:\n\n   ```toml");
            for line in self.settings_file.trim().lines() {
                let _ = writeln!(text, "   {line}");
            }
        }
        text.push_str("   ```\n\n");
        step(text, &format!("Run `rest-social-auth providers check {}`, then restart the server.", self.provider));
    }
}

impl ConsoleValue {
    fn of_setting(setting: &str) -> Self {
        let shown_as = match setting {
            "KEY" => "client ID".to_owned(),
            "SECRET" => "client secret".to_owned(),
            other => other.to_ascii_lowercase().replace('_', " "),
        };
        Self { setting: setting.to_owned(), shown_as, value: String::new() }
    }

    /// The value in quotes for a shell; a value that the operator must insert is in angle brackets.
    fn quoted(&self) -> String {
        if self.value.is_empty() { format!("'<{}>'", self.shown_as) } else { format!("'{}'", self.value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SettingRules;

    #[test]
    fn every_guide_is_valid_and_names_settings_that_exist() {
        for (id, text) in FILES {
            let guide = Guide::parse(id, text).unwrap_or_else(|problem| panic!("{problem}"));
            assert!(
                guide.steps.iter().any(|step| step.ends_with(REDIRECT_URIS)),
                "{id} has no place for redirect URIs"
            );
            assert!(!guide.checked.is_empty() && !guide.sources.is_empty(), "{id} has no source");
            if guide.settings_file.is_empty() {
                let (_, descriptor) =
                    catalog::catalog_entry(id, None).expect("a guide is for a provider of the catalogue");
                for needed in descriptor.needed_settings() {
                    assert!(guide.values.iter().any(|value| value.setting == needed), "{id}: {needed} is required");
                }
                let rules = &descriptor.settings;
                let is_known = |name: &String| {
                    let mut own = rules.optional.iter().chain(rules.defaults.keys()).chain(&rules.required);
                    own.any(|other| other == name) || SettingRules::common().any(|other| other == name)
                };
                for value in &guide.values {
                    assert!(is_known(&value.setting), "{id}: {} is not a setting", value.setting);
                    assert_ne!(value.shown_as.is_empty(), value.value.is_empty(), "{id}: {}", value.setting);
                }
            } else {
                let table: toml::Table = guide.settings_file.parse().expect("a table");
                let own = table["providers"][id].as_table().expect("the table of the provider").clone();
                let own = own.into_iter().filter(|(name, _)| ["extends", "title"].contains(&name.as_str())).collect();
                catalog::read(None, &own).unwrap_or_else(|problem| panic!("{id}: {problem}"));
            }
        }
    }

    #[test]
    fn aliases_and_providers_without_a_file_have_a_guide() {
        let named = |name: &str| Guide::find(name).map(|guide| guide.provider);
        let aliases =
            [("google", "google-oauth2"), ("apple", "apple-id"), ("x", "twitter-oauth2"), ("slack", "slack-oidc")];
        for (alias, provider) in aliases {
            assert_eq!(named(alias), Ok(provider.to_owned()));
        }
        assert_eq!(named("spotify"), Ok("spotify".to_owned()));
        assert!(named("gogle-oauth2").is_err_and(|problem| problem.contains("google-oauth2")));
        for name in catalog::catalog_names() {
            assert!(Guide::find(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn guide_of_a_descriptor_has_its_settings_and_redirect_uris() {
        let uris = [NamedRedirectUri { uri: "https://app.example/cb".to_owned(), used_by: "your front-end" }];
        let text = Guide::find("spotify").expect("a guide").render(1, &uris);
        assert!(text.starts_with("# Spotify\n\nName: `spotify`."), "{text}");
        assert!(text.contains("   - `https://app.example/cb` (your front-end)\n"), "{text}");
        assert!(text.contains("SOCIAL_AUTH_SPOTIFY_KEY='<client ID>'\n"), "{text}");
        assert!(text.contains("providers check spotify"), "{text}");
        let steam = Guide::find("steam").expect("a guide").render(1, &uris);
        assert!(steam.contains("   ```toml\n   [providers.steam]\n   ```\n"), "{steam}");
    }
}
