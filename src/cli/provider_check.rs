//! `providers check`: every configured provider as far as it goes without a person, in plain words; `doctor` tells it too.
//! What is looked at stands in `probe.rs`; here it is brought together and printed.

use std::fmt::Write as _;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;
use tokio::time::Instant;

use super::provider_probe::probed;
use super::table::plain;
use super::{Failure, client, pretty, print};
use crate::clock::Deps;
use crate::login;
use crate::model::Finding;
use crate::outgoing::Client;
use crate::provider::{self, Providers};
use crate::settings::{ProviderSettings, SettingError, Settings};

/// For all calls to one provider; providers are called side by side.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What belongs together: a provider, or a part of the configuration.
#[derive(Serialize)]
pub(super) struct Area {
    pub(super) name: String,
    pub(super) ok: bool,
    pub(super) findings: Vec<Finding>,
    /// To be listed at the provider, to the letter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) redirect_uris: Vec<String>,
}

impl Area {
    pub(super) fn new(name: &str, findings: Vec<Finding>) -> Self {
        let ok = findings.iter().all(|finding| finding.ok);
        Self { name: name.to_owned(), ok, findings, redirect_uris: Vec::new() }
    }
}

pub(super) async fn providers(
    name: Option<&str>,
    json: bool,
    settings: &Settings,
    mut mistakes: Vec<SettingError>,
    deps: &Deps,
) -> Result<(), Failure> {
    let wanted: Vec<&ProviderSettings> =
        settings.providers.iter().filter(|provider| name.is_none_or(|name| provider.name == name)).collect();
    if wanted.is_empty() {
        return Err(Failure::Other(not_configured(name)));
    }
    // Mistakes in what belongs to other providers are not this one's.
    let of_others = |error: &SettingError| {
        let others = settings.providers.iter().filter(|other| name.is_some_and(|name| other.name != name));
        others.into_iter().any(|other| error.name.starts_with(&format!("providers.{}.", other.name)))
    };
    let client = client(settings, &mut mistakes);
    mistakes.retain(|error| !of_others(error));
    let mut areas = Vec::new();
    if !mistakes.is_empty() {
        areas.push(Area::new("settings", mistakes.into_iter().map(mistake).collect()));
    }
    if let Some(client) = client {
        let checks = wanted.into_iter().map(|provider| of_provider(provider, settings, &client, deps));
        areas.extend(join_all(checks).await.into_iter().map(|(area, _)| area));
    }
    tell(&areas, json)
}

fn not_configured(name: Option<&str>) -> String {
    let Some(name) = name else {
        return "no provider is configured: set SOCIAL_AUTH_<NAME>_KEY, or [providers.<name>] in the settings file"
            .to_owned();
    };
    match provider::catalog_entry(name, None) {
        Ok(_) => {
            let variable = name.to_ascii_uppercase().replace('-', "_");
            format!("{name} is not configured: set SOCIAL_AUTH_{variable}_KEY, or [providers.{name}] with its key")
        }
        Err(problem) => plain(&problem),
    }
}

pub(super) fn mistake(error: SettingError) -> Finding {
    Finding::error(error.name, error.problem)
}

/// A warning begins with the setting's name.
pub(super) fn warning(text: &str) -> Finding {
    match text.split_once(": ") {
        Some((what, advice)) => Finding::warning(what, advice),
        None => Finding::warning("note", text),
    }
}

/// Also: how many seconds the provider's clock is ahead of ours, where it said.
pub(super) async fn of_provider(
    provider: &ProviderSettings,
    settings: &Settings,
    client: &Client,
    deps: &Deps,
) -> (Area, Option<i64>) {
    // By itself: the others' mistakes do not hide what is right here.
    let alone = Settings { providers: vec![provider.clone()], ..settings.clone() };
    let mut findings = quoted(provider);
    let mut ahead = None;
    match Providers::from_settings(&alone, client, deps) {
        Err(errors) => findings.extend(errors.into_iter().map(mistake)),
        Ok(made) => {
            findings.extend(made.warnings().iter().map(|text| warning(text)));
            if let Some(made) = made.get(&provider.name) {
                let (found, told) = probed(made, client, deps, Instant::now() + BODY_TIMEOUT).await;
                findings.extend(found);
                ahead = told;
            }
        }
    }
    let redirect_uris = login::registered_redirect_uris(settings, &provider.name);
    (Area { redirect_uris, ..Area::new(&provider.name, findings) }, ahead)
}

/// Some tools that set an environment take quotes as they stand.
fn quoted(provider: &ProviderSettings) -> Vec<Finding> {
    let wrong = |name: &&str| {
        let text = provider.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().trim();
        text.starts_with(['"', '\'', '<']) && text.len() > 1
    };
    let named = |name: &str| format!("{} of {}", name, provider.name);
    let advice = "begins with a quote or a bracket: write it bare";
    ["KEY", "SECRET"].iter().filter(|name| wrong(name)).map(|name| Finding::error(named(name), advice)).collect()
}

/// Prints it all. Ends with 1 where something must be fixed.
pub(super) fn tell(areas: &[Area], json: bool) -> Result<(), Failure> {
    let to_fix = areas.iter().flat_map(|area| &area.findings).filter(|finding| !finding.ok).count();
    if json {
        print(&pretty(&serde_json::json!({"ok": to_fix == 0, "areas": areas}))?)?;
    } else {
        print(&told(areas))?;
    }
    match to_fix {
        0 => Ok(()),
        1 => Err(Failure::Other("1 thing must be fixed".to_owned())),
        _ => Err(Failure::Other(format!("{to_fix} things must be fixed"))),
    }
}

fn told(areas: &[Area]) -> String {
    let mut text = String::new();
    for area in areas {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}{}", plain(&area.name));
        for finding in &area.findings {
            let mark = match (finding.ok, &finding.advice) {
                (false, _) => "error",
                (true, Some(_)) => "warn ",
                (true, None) => "ok   ",
            };
            let advice = finding.advice.as_ref().map(|advice| format!(": {}", plain(advice))).unwrap_or_default();
            let _ = writeln!(text, "  {mark} {}{advice}", plain(&finding.what));
        }
        if !area.redirect_uris.is_empty() {
            let _ = writeln!(text, "  Redirect URIs to list at the provider, those of them that are in use:");
            for uri in &area.redirect_uris {
                let _ = writeln!(text, "        {}", plain(uri));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_fixed_stands_out() {
        let findings = vec![Finding::ok("a"), Finding::warning("b", "see c"), Finding::error("d", "do e")];
        let area = Area { redirect_uris: vec!["https://x.example/".to_owned()], ..Area::new("github", findings) };
        assert!(!area.ok);
        let text = told(&[area]);
        assert!(text.starts_with("github\n  ok    a\n  warn  b: see c\n  error d: do e\n"), "{text}");
        assert!(text.ends_with("\n        https://x.example/\n"), "{text}");
    }
}
