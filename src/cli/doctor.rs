//! `doctor`: the whole configuration at once. It works with a broken one as well, and tells every mistake it finds.

use std::path::Path;

use futures_util::future::join_all;

use super::provider_check::{self, Area, mistake, of_provider, warning};
use super::{Failure, client, keys, mistakes_elsewhere, settings_with_mistakes};
use crate::clock::Deps;
use crate::credential::Credentials;
use crate::hook::Webhook;
use crate::login;
use crate::model::{EventState, Finding};
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::secrets::ExposeSecret;
use crate::settings::{SettingError, Settings, StatePolicy, exposed_database_files, sqlite_file};
use crate::store::{self, Repository, Schema};

/// Seconds between two clocks that are as good as none, and that still sign people in.
const CLOSE: u64 = 5;
const TOLERABLE: u64 = 30;

pub(super) async fn run(json: bool, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let (settings, mut mistakes) = settings_with_mistakes(config);
    let client = client(&settings, &mut mistakes);
    // SECRET_KEY is told where it is missing; a signing key may be wrong beside it.
    if let Err(error) = Credentials::new(&settings)
        && !mistakes.iter().any(|told| told.name == error.name)
    {
        mistakes.push(error);
    }
    // Those of providers and webhooks are shown in their own areas.
    let has_mistake = !mistakes.is_empty() || !mistakes_elsewhere(&settings, &deps).is_empty();
    let mut areas = vec![
        Area::new("settings", settings_found(config, &settings, mistakes, has_mistake)),
        Area::new("where logins come from and return to", lists_found(&settings)),
        Area::new("database", database_found(&settings, client.as_ref(), &deps).await),
        Area::new("calls to providers", calls_found(&settings)),
    ];
    if let Some(found) = webhook_found(&settings, &deps).await {
        areas.push(Area::new("webhook", vec![found]));
    }
    let mut clocks = Vec::new();
    if let Some(client) = client {
        let checks = settings.providers.iter().map(|provider| of_provider(provider, &settings, &client, &deps));
        for (area, ahead) in join_all(checks).await {
            clocks.extend(ahead.map(|ahead| (area.name.clone(), ahead)));
            areas.push(area);
        }
    }
    if settings.providers.is_empty() {
        let advice = "none is configured: set SOCIAL_AUTH_<NAME>_KEY, or [providers.<name>] in the settings file";
        areas.push(Area::new("providers", vec![Finding::warning("providers", advice)]));
    }
    areas.insert(1, Area::new("clock", vec![clock_found(clocks)]));
    provider_check::tell(&areas, json)
}

fn settings_found(
    config: Option<&Path>,
    settings: &Settings,
    mistakes: Vec<SettingError>,
    has_mistake: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match config {
        Some(path) if mistakes.iter().any(|error| error.name == path.display().to_string()) => {}
        Some(path) => findings.push(Finding::ok(format!("settings file {}", path.display()))),
        None => {
            findings.push(Finding::warning("settings file", "none is named: everything comes from the environment"))
        }
    }
    if !has_mistake {
        findings.push(Finding::ok("every setting can be read"));
    }
    findings.extend(mistakes.into_iter().map(mistake));
    findings.extend(settings.warnings.iter().map(|text| warning(text)));
    findings
}

fn lists_found(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(url) = &settings.public_url {
        let own = url.origin().ascii_serialization();
        let here = format!("PUBLIC_URL {own}");
        findings.push(match url.scheme() {
            "https" => Finding::ok(here),
            _ => Finding::warning(here, "only this machine can use it: set the address that browsers see, with https"),
        });
        let others = settings.allowed_origins.iter().any(|origin| *origin != own);
        findings.push(match others {
            true => Finding::ok("ALLOWED_ORIGINS"),
            false => Finding::warning("ALLOWED_ORIGINS", "is empty: no page of another origin may call this server"),
        });
    }
    findings.push(match settings.state_policy {
        StatePolicy::Required => Finding::ok("STATE_POLICY required"),
        StatePolicy::WhenPresent => {
            let advice = "a code alone signs in; set it to required once every front-end begins its logins here";
            Finding::warning("STATE_POLICY when_present", advice)
        }
        StatePolicy::Off => {
            let advice = "anybody can have a victim's browser finish a stranger's login: set it to required";
            Finding::warning("STATE_POLICY off", advice)
        }
    });
    findings
}

async fn database_found(settings: &Settings, client: Option<&Client>, deps: &Deps) -> Vec<Finding> {
    let url = settings.database_url.expose_secret();
    let file = sqlite_file(url);
    if let Some(file) = file.filter(|file| !file.exists()) {
        let advice = format!("{} is not there yet: `serve` and `migrate` make it", file.display());
        return vec![Finding::warning("DATABASE_URL", advice)];
    }
    let mut findings = Vec::new();
    for exposed in exposed_database_files(url) {
        let advice = "others on this machine may open it (chmod 600)";
        findings.push(Finding::warning(format!("the database's file {}", exposed.display()), advice));
    }
    match store::open(&settings.database_url, false).await {
        Err(error) => findings.push(mistake(error)),
        Ok(repository) => {
            findings.extend(tables_found(settings, repository.as_ref()).await);
            let providers = client.and_then(|client| Providers::from_settings(settings, client, deps).ok());
            if let Some(providers) = providers {
                findings.extend(accounts_found(settings, &providers, repository.as_ref(), deps).await);
            }
            repository.close().await;
        }
    }
    findings
}

/// Stored accounts that the settings no longer fit. Nothing is said of a database that cannot be read, which is told already.
async fn accounts_found(
    settings: &Settings,
    providers: &Providers,
    repository: &dyn Repository,
    deps: &Deps,
) -> Vec<Finding> {
    let until = settings.users.legacy_uids_until;
    let found = login::account_warnings(repository, providers, until, deps.now()).await;
    found.unwrap_or_default().iter().map(|text| warning(text)).collect()
}

async fn tables_found(settings: &Settings, repository: &dyn Repository) -> Vec<Finding> {
    let mut findings = vec![match repository.schema().await {
        Ok(Schema::Current) => Finding::ok("the database answers and has this release's tables"),
        Ok(Schema::Empty | Schema::Behind) => {
            let advice = "run `rest-social-auth migrate`; `serve` does it by itself, but with --no-migrate";
            return vec![Finding::warning("the database does not have this release's tables yet", advice)];
        }
        Ok(Schema::Ahead) => {
            let advice = "install that release, or name another database in DATABASE_URL";
            return vec![Finding::error("a later release made the database", advice)];
        }
        Err(error) => return vec![Finding::error("DATABASE_URL", error.to_string())],
    }];
    findings.push(match keys::encrypted(settings.vault.as_deref(), repository).await {
        Ok(encrypted) if encrypted.closed > 0 && settings.vault.is_some() => {
            let advice =
                format!("{} provider tokens open with none of them: put the missing key back", encrypted.closed);
            Finding::error("ENCRYPTION_KEYS", advice)
        }
        Ok(_) if settings.vault.is_none() => Finding::ok("provider tokens are not kept"),
        Ok(_) => Finding::ok("ENCRYPTION_KEYS open all that is sealed"),
        Err(_) => Finding::error("ENCRYPTION_KEYS", "what they sealed could not be counted"),
    });
    match repository.events(Some(EventState::Dead), 1).await {
        Ok(dead) if dead.is_empty() => {}
        Ok(_) => findings.push(Finding::warning("webhooks", "some were given up: see `webhooks list --state dead`")),
        Err(error) => findings.push(Finding::error("webhooks", error.to_string())),
    }
    findings
}

fn calls_found(settings: &Settings) -> Vec<Finding> {
    let rules = &settings.outgoing;
    let mut findings = Vec::new();
    for (name, proxy) in [("HTTPS_PROXY", &rules.https_proxy), ("HTTP_PROXY", &rules.http_proxy)] {
        // Its URL may hold a password.
        if let Some(host) = proxy.as_ref().and_then(|proxy| proxy.host_str()) {
            findings.push(Finding::ok(format!("{name}: calls go through {host}")));
        }
    }
    if let Some(roots) = &rules.extra_roots {
        findings.push(Finding::ok(format!("SSL_CERT_FILE: {} is trusted as well", roots.display())));
    }
    if rules.allow_private {
        let advice = "is on: addresses in settings can make this server call machines of your own network";
        findings.push(Finding::warning("OUTGOING_ALLOW_PRIVATE", advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("no proxy, the system's certificates, public addresses only"));
    }
    findings
}

/// `None` where none is configured, or where the settings already say what is wrong.
async fn webhook_found(settings: &Settings, deps: &Deps) -> Option<Finding> {
    match Webhook::new(settings, deps) {
        Ok(hook) => Some(hook?.check_reachable().await),
        Err(error) if error.name == "WEBHOOK_URL" => Some(mistake(error)),
        Err(_) => None,
    }
}

/// The providers' clocks against this machine's: the one in the middle counts, since one may be wrong itself.
fn clock_found(mut clocks: Vec<(String, i64)>) -> Finding {
    clocks.sort_by_key(|(_, ahead)| *ahead);
    let Some((provider, ahead)) = clocks.get(clocks.len() / 2) else {
        return Finding::warning("this machine's clock", "no provider said what time it is: not compared");
    };
    let (apart, way) = (ahead.unsigned_abs(), if *ahead > 0 { "behind" } else { "ahead of" });
    let what = format!("this machine's clock is {apart} s {way} that of {provider}");
    if apart <= CLOSE {
        Finding::ok(format!("this machine's clock agrees with that of {provider}"))
    } else if apart <= TOLERABLE {
        Finding::warning(what, "let it be set by NTP")
    } else {
        Finding::error(what, "let it be set by NTP: providers refuse, and are refused, by the time")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_provider_with_a_wrong_clock_is_not_believed() {
        let clock = |clocks: &[i64]| clock_found(clocks.iter().map(|ahead| ("x".to_owned(), *ahead)).collect());
        assert!(clock(&[0, 9000, 1]).ok);
        assert_eq!(clock(&[1]).advice, None);
        assert!(clock(&[-20]).advice.is_some_and(|advice| advice.contains("NTP")));
        assert!(!clock(&[-31]).ok);
        assert!(clock(&[-31]).what.contains("31 s ahead of"));
        assert!(clock(&[]).ok);
    }

    #[test]
    fn the_file_of_a_database_is_found_in_its_address() {
        assert_eq!(sqlite_file("sqlite:///var/x.db?mode=rwc").as_deref(), Some(Path::new("/var/x.db")));
        assert_eq!(sqlite_file("sqlite:x.db").as_deref(), Some(Path::new("x.db")));
        assert_eq!(sqlite_file("postgres://h/d"), None);
    }
}
