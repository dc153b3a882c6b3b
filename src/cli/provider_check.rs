//! `providers check`: tests the configured providers as far as possible without a user. `doctor` reports it too. The calls
//! themselves are in `provider_probe.rs`.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::configuration::{NO_PROVIDER, client};
use super::failure::Failure;
use super::output::{print_either, safe};
use super::provider_probe::probe_provider;
use crate::clock::Deps;
use crate::login;
use crate::model::Finding;
use crate::outgoing::Client;
use crate::provider::{self, Providers};
use crate::settings::{ProviderSettings, SettingError, Settings, provider_variable};

/// For all calls to one provider. Providers are called concurrently.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// The findings about one provider, or about one part of the configuration.
#[derive(Serialize)]
pub(super) struct Area {
    pub name: String,
    pub ok: bool,
    pub findings: Vec<Finding>,
    /// The operator registers these at the provider, which compares them exactly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
}

impl Area {
    pub fn new(name: &str, findings: Vec<Finding>) -> Self {
        let ok = findings.iter().all(|finding| finding.ok);
        Self { name: name.to_owned(), ok, findings, redirect_uris: Vec::new() }
    }
}

pub(super) async fn check(
    name: Option<&str>,
    as_json: bool,
    settings: &Settings,
    mut errors: Vec<SettingError>,
    deps: &Deps,
) -> Result<(), Failure> {
    let is_checked = |provider: &&ProviderSettings| name.is_none_or(|name| provider.name == name);
    let (checked, others): (Vec<_>, Vec<_>) = settings.providers.iter().partition(is_checked);
    if checked.is_empty() {
        return Err(Failure::Other(not_configured(name)));
    }
    let client = client(settings, &mut errors);
    // Errors of other providers do not concern this check.
    errors.retain(|error| !others.iter().any(|other| error.name.starts_with(&format!("providers.{}.", other.name))));
    let mut areas = Vec::new();
    if !errors.is_empty() {
        areas.push(Area::new("settings", errors.into_iter().map(error_finding).collect()));
    }
    if let Some(client) = client {
        let checks = checked.into_iter().map(|provider| check_provider(provider, settings, &client, deps));
        areas.extend(join_all(checks).await.into_iter().map(|(area, _)| area));
    }
    report(&areas, as_json)
}

fn not_configured(name: Option<&str>) -> String {
    let Some(name) = name else { return NO_PROVIDER.to_owned() };
    match provider::catalog_entry(name, None) {
        Ok(_) => {
            let variable = provider_variable(name, "KEY");
            format!("{name} is not configured: set {variable}, or [providers.{name}] with its key")
        }
        Err(problem) => safe(&problem),
    }
}

pub(super) fn error_finding(error: SettingError) -> Finding {
    Finding::error(error.name, error.problem)
}

/// `text` begins with the name of the setting.
pub(super) fn warning_finding(text: &str) -> Finding {
    match text.split_once(": ") {
        Some((what, advice)) => Finding::warning(what, advice),
        None => Finding::warning("note", text),
    }
}

/// Also returns by how many seconds the clock of the provider is ahead, if an answer had a date.
pub(super) async fn check_provider(
    provider: &ProviderSettings,
    settings: &Settings,
    client: &Client,
    deps: &Deps,
) -> (Area, Option<i64>) {
    // Without the other providers, whose errors would hide the findings about this one.
    let alone = Settings { providers: vec![provider.clone()], ..settings.clone() };
    let redirect_uris = login::registered_redirect_uris(settings, &provider.name);
    let mut findings = find_quotes(provider);
    let mut seconds_ahead = None;
    match Providers::from_settings(&alone, client, deps) {
        Err(errors) => findings.extend(errors.into_iter().map(error_finding)),
        Ok(providers) => {
            findings.extend(providers.warnings().iter().map(|text| warning_finding(text)));
            if let Some(provider) = providers.get(&provider.name) {
                let redirect_uri = redirect_uris.last().map(String::as_str).unwrap_or_default();
                let deadline = Instant::now() + PROBE_TIMEOUT;
                let (found, ahead) = probe_provider(provider, redirect_uri, client, deps, deadline).await;
                findings.extend(found);
                seconds_ahead = ahead;
            }
        }
    }
    (Area { redirect_uris, ..Area::new(&provider.name, findings) }, seconds_ahead)
}

/// Some tools that set environment variables keep the quotes of a value.
fn find_quotes(provider: &ProviderSettings) -> Vec<Finding> {
    let is_quoted = |name: &&str| {
        let text = provider.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().trim();
        text.starts_with(['"', '\'', '<']) && text.len() > 1
    };
    let error = |name: &str| {
        Finding::error(format!("{name} of {}", provider.name), "begins with a quote or a bracket: remove it")
    };
    ["KEY", "SECRET"].iter().filter(|name| is_quoted(name)).map(|name| error(name)).collect()
}

/// Prints all areas. Errors: a finding is an error, which makes the exit code 1.
pub(super) fn report(areas: &[Area], as_json: bool) -> Result<(), Failure> {
    let errors = areas.iter().flat_map(|area| &area.findings).filter(|finding| !finding.ok).count();
    print_either(as_json, &serde_json::json!({"ok": errors == 0, "areas": areas}), &as_text(areas))?;
    match errors {
        0 => Ok(()),
        1 => Err(Failure::Other("1 error must be fixed".to_owned())),
        _ => Err(Failure::Other(format!("{errors} errors must be fixed"))),
    }
}

fn as_text(areas: &[Area]) -> String {
    let mut text = String::new();
    for area in areas {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{}", safe(&area.name));
        for finding in &area.findings {
            let level = match (finding.ok, &finding.advice) {
                (false, _) => "error",
                (true, Some(_)) => "warn ",
                (true, None) => "ok   ",
            };
            let advice = finding.advice.as_ref().map(|advice| format!(": {}", safe(advice))).unwrap_or_default();
            let _ = writeln!(text, "  {level}  {}{advice}", safe(&finding.what));
        }
        if !area.redirect_uris.is_empty() {
            let _ = writeln!(text, "  Register those of these redirect URIs at the provider that you use:");
            for uri in &area.redirect_uris {
                let _ = writeln!(text, "         {}", safe(uri));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_shows_the_level_of_each_finding() {
        let findings = vec![Finding::ok("a"), Finding::warning("b", "see c"), Finding::error("d", "do e")];
        let area = Area { redirect_uris: vec!["https://x.example/".to_owned()], ..Area::new("github", findings) };
        assert!(!area.ok);
        let text = as_text(&[area]);
        assert!(text.starts_with("github\n  ok     a\n  warn   b: see c\n  error  d: do e\n"), "{text}");
        assert!(text.ends_with("\n         https://x.example/\n"), "{text}");
    }
}
