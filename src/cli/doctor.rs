//! `doctor`: checks the whole configuration. It also works with errors in it, and reports all of them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;

use super::configuration::{NO_PROVIDER, client, errors_in_use, settings_with_errors};
use super::failure::Failure;
use super::keys;
use super::provider_check::{Area, check_provider, error_finding, report, warning_finding};
use crate::account::{SigningKeyError, SigningKeyService};
use crate::clock::{Deps, UnixMillis};
use crate::credential::Credentials;
use crate::hook::Webhook;
use crate::login;
use crate::model::{EventState, Finding, SigningKeyState};
use crate::outgoing::Client;
use crate::provider::Providers;
use crate::secrets::ExposeSecret;
use crate::settings::{BackupTarget, SettingError, Settings, StatePolicy, exposed_database_files, sqlite_file};
use crate::store::{self, Repository, Schema};

/// A difference between clocks that is no finding, in seconds.
const MAX_USUAL_CLOCK_DIFFERENCE: u64 = 5;
/// An older backup is a finding, in hours.
const MAX_BACKUP_HOURS: i64 = 48;
/// A difference with which logins still succeed, in seconds.
const MAX_TOLERATED_CLOCK_DIFFERENCE: u64 = 30;

pub(super) async fn run(json: bool, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let (settings, mut errors) = settings_with_errors(config);
    let client = client(&settings, &mut errors);
    // The key of a setting that is already reported is not reported twice.
    if let Err(error) = Credentials::new(&settings)
        && !errors.iter().any(|known| known.name == error.name)
    {
        errors.push(error);
    }
    // Errors of providers and the webhook are shown in their own areas.
    let has_errors = !errors.is_empty() || !errors_in_use(&settings, &deps).is_empty();
    let mut areas = vec![
        Area::new("settings", check_settings(config, &settings, errors, has_errors)),
        Area::new("origins and redirect URIs", check_origins(&settings)),
        Area::new("database", check_database(&settings, client.as_ref(), &deps).await),
        Area::new("calls to providers", check_outgoing(&settings)),
    ];
    if let Some(finding) = check_webhook(&settings, &deps).await {
        areas.push(Area::new("webhook", vec![finding]));
    }
    let mut clocks = Vec::new();
    if let Some(client) = client {
        let checks = settings.providers.iter().map(|provider| check_provider(provider, &settings, &client, &deps));
        for (area, ahead) in join_all(checks).await {
            clocks.extend(ahead.map(|ahead| (area.name.clone(), ahead)));
            areas.push(area);
        }
    }
    if settings.providers.is_empty() {
        areas.push(Area::new("providers", vec![Finding::warning("providers", NO_PROVIDER)]));
    }
    areas.insert(1, Area::new("clock", vec![compare_clocks(clocks)]));
    report(&areas, json)
}

fn check_settings(
    config: Option<&Path>,
    settings: &Settings,
    errors: Vec<SettingError>,
    has_errors: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match config {
        Some(path) if errors.iter().any(|error| error.name == path.display().to_string()) => {}
        Some(path) => findings.push(Finding::ok(format!("settings file {}", path.display()))),
        None => findings.push(Finding::warning("settings file", "is not set: all settings come from the environment")),
    }
    if !has_errors {
        findings.push(Finding::ok("all settings are valid"));
    }
    findings.extend(errors.into_iter().map(error_finding));
    findings.extend(settings.warnings.iter().map(|text| warning_finding(text)));
    findings
}

fn check_origins(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(url) = &settings.public_url {
        let own = url.origin().ascii_serialization();
        let what = format!("PUBLIC_URL {own}");
        findings.push(match url.scheme() {
            "https" => Finding::ok(what),
            _ => Finding::warning(what, "only this machine can use it: set the https URL that browsers use"),
        });
        let has_others = settings.allowed_origins.iter().any(|origin| *origin != own);
        findings.push(if has_others {
            Finding::ok("ALLOWED_ORIGINS")
        } else {
            Finding::warning("ALLOWED_ORIGINS", "is empty: pages of other origins cannot call this server")
        });
        findings.extend(settings.origins_of_other_sites().into_iter().map(|origin| {
            let advice = "is another site than PUBLIC_URL, so browsers do not send the session cookie from its pages: its \
                          front-end needs a kind with a token (docs/CREDENTIALS.md)";
            Finding::warning(format!("ALLOWED_ORIGINS {origin}"), advice)
        }));
    }
    findings.push(match settings.state_policy {
        StatePolicy::Required => Finding::ok("STATE_POLICY required"),
        StatePolicy::WhenPresent => {
            let advice = "a code without a state is accepted: set it to required when all front-ends begin their logins at this server";
            Finding::warning("STATE_POLICY when_present", advice)
        }
        StatePolicy::Off => {
            let advice = "login CSRF is possible, because a state is not verified: set it to required";
            Finding::warning("STATE_POLICY off", advice)
        }
    });
    findings
}

async fn check_database(settings: &Settings, client: Option<&Client>, deps: &Deps) -> Vec<Finding> {
    let url = settings.database_url.expose_secret();
    let file = sqlite_file(url);
    if let Some(file) = file.as_ref().filter(|file| !file.exists()) {
        let advice = format!("{} does not exist: `serve` and `migrate` create it", file.display());
        return vec![Finding::warning("DATABASE_URL", advice)];
    }
    let mut findings = Vec::new();
    for exposed in exposed_database_files(url) {
        let advice = "other users of this machine can open it: run chmod 600";
        findings.push(Finding::warning(format!("database file {}", exposed.display()), advice));
    }
    findings.extend(file.map(|_| check_backup(settings, deps)));
    match store::open(&settings.database_url, false).await {
        Err(error) => findings.push(error_finding(error)),
        Ok(repository) => {
            findings.extend(check_tables(settings, &repository, deps).await);
            let providers = client.and_then(|client| Providers::from_settings(settings, client, deps).ok());
            if let Some(providers) = providers {
                findings.extend(check_accounts(settings, &providers, repository.as_ref(), deps).await);
            }
            repository.close().await;
        }
    }
    findings
}

/// Whether there is a backup of the SQLite database, and how old it is.
fn check_backup(settings: &Settings, deps: &Deps) -> Finding {
    const ADVICE: &str = "run `rest-social-auth backup` every day";
    let file = match &settings.backup {
        None => {
            let advice =
                "is not set: name the file of your backups, or set it to external if other software makes them";
            return Finding::warning("BACKUP_FILE", advice);
        }
        Some(BackupTarget::External) => return Finding::ok("other software backs up the database (BACKUP_FILE)"),
        Some(BackupTarget::File(file)) => file,
    };
    let what = format!("backup {}", file.display());
    let Ok(found) = std::fs::metadata(file) else { return Finding::warning(what, format!("does not exist: {ADVICE}")) };
    if found.mode() & 0o077 != 0 {
        return Finding::warning(what, "other users of this machine can open it: run chmod 600");
    }
    let hours = (deps.now().seconds() - found.mtime()) / 3600;
    if hours > MAX_BACKUP_HOURS {
        return Finding::warning(what, format!("is {hours} hours old: {ADVICE}"));
    }
    Finding::ok(what)
}

/// The clock of the database, which decides about rate limits that several nodes share.
fn compare_database_clock(database: UnixMillis, own: UnixMillis) -> Finding {
    let seconds = (database.0 - own.0).unsigned_abs() / 1000;
    let what = format!("the clock of the database differs by {seconds} s from that of this machine");
    if seconds <= MAX_USUAL_CLOCK_DIFFERENCE {
        Finding::ok("the clock of the database agrees with that of this machine")
    } else if seconds <= MAX_TOLERATED_CLOCK_DIFFERENCE {
        Finding::warning(what, "synchronize both with NTP")
    } else {
        Finding::error(what, "synchronize both with NTP: nodes with different clocks disagree about what has expired")
    }
}

/// Social accounts that the present settings do not find. A database that cannot be read is reported elsewhere.
async fn check_accounts(
    settings: &Settings,
    providers: &Providers,
    repository: &dyn Repository,
    deps: &Deps,
) -> Vec<Finding> {
    let until = settings.users.legacy_uids_until;
    let warnings = login::account_warnings(repository, providers, until, deps.now()).await;
    warnings.unwrap_or_default().iter().map(|text| warning_finding(text)).collect()
}

async fn check_tables(settings: &Settings, repository: &Arc<dyn Repository>, deps: &Deps) -> Vec<Finding> {
    let mut findings = vec![match repository.schema().await {
        Ok(Schema::Current) => Finding::ok("the database answers and has the tables of this release"),
        Ok(schema @ (Schema::Empty | Schema::Behind)) => {
            let advice = "run `rest-social-auth migrate`; `serve` does the same, unless it has --no-migrate";
            let what = match schema {
                Schema::Empty => "the database has no tables yet",
                _ => "the schema is behind: the database has the tables of an earlier release",
            };
            return vec![Finding::warning(what, advice)];
        }
        Ok(Schema::AheadCompatible) => Finding::warning(
            "the schema is ahead: a later release changed the database, and this release can use it",
            "finish the upgrade or the downgrade: this is meant for a short time",
        ),
        Ok(Schema::AheadIncompatible) => {
            let advice = "install that release, or name another database in DATABASE_URL";
            return vec![Finding::error("the schema is ahead: the database was made by a later release", advice)];
        }
        Err(error) => return vec![Finding::error("DATABASE_URL", error.to_string())],
    }];
    findings.push(check_writes(settings, repository.as_ref(), deps).await);
    if let Ok(time) = repository.database_time().await {
        findings.push(compare_database_clock(time, deps.now()));
    }
    // Keys of the settings that cannot be used are reported elsewhere.
    if let Ok(signing) = keys::signing_keys(settings, repository.clone(), deps) {
        findings.push(check_encryption_keys(settings, repository.as_ref(), &signing).await);
        if !settings.jwt.algorithm.is_symmetric() {
            findings.push(check_signing_keys(&signing).await);
        }
    }
    match repository.events(Some(EventState::Dead), 1).await {
        Ok(dead) if dead.is_empty() => {}
        Ok(_) => findings.push(Finding::warning(
            "webhooks",
            "the delivery of some events failed finally: see `webhooks list --state dead`",
        )),
        Err(error) => findings.push(Finding::error("webhooks", error.to_string())),
    }
    findings
}

/// Whether a login could be written: not with missing rights, on a full disk, or while another program holds a lock.
async fn check_writes(settings: &Settings, repository: &dyn Repository, deps: &Deps) -> Finding {
    // A command has no limit, but one that looks for errors must end.
    let limit = settings.database.call;
    let problem = match tokio::time::timeout(limit, repository.probe(deps.now())).await {
        Ok(Ok(())) => return Finding::ok("a login could be written"),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {limit:?}"),
    };
    let advice = "give the user of DATABASE_URL the right to write all tables, and look for locks and a full disk";
    Finding::error("no login can be written", format!("{problem}; {advice}"))
}

async fn check_encryption_keys(
    settings: &Settings,
    repository: &dyn Repository,
    signing: &SigningKeyService,
) -> Finding {
    match keys::count_encrypted(&settings.signing_key_cipher, repository, signing).await {
        Ok(encrypted) if encrypted.undecryptable_tokens > 0 => {
            let count = encrypted.undecryptable_tokens;
            Finding::error("ENCRYPTION_KEYS", format!("none decrypts {count} provider tokens: add the missing key"))
        }
        Ok(_) if settings.token_cipher.is_none() => Finding::ok("provider tokens are not stored"),
        Ok(_) => Finding::ok("ENCRYPTION_KEYS decrypt all provider tokens"),
        Err(_) => Finding::error("ENCRYPTION_KEYS", "the stored provider tokens cannot be counted"),
    }
}

async fn check_signing_keys(keys: &SigningKeyService) -> Finding {
    const WHAT: &str = "the server's signing keys";
    let checked = async { Ok::<_, SigningKeyError>((keys.unusable().await?, keys.list().await?)) };
    match checked.await {
        Err(error) => Finding::error(WHAT, error.to_string()),
        Ok((unusable, _)) if !unusable.undecryptable.is_empty() => {
            let advice = "set the ENCRYPTION_KEYS, or without them the SECRET_KEY, with which they were made";
            Finding::error(format!("{WHAT} {} cannot be decrypted", unusable.undecryptable.join(", ")), advice)
        }
        Ok((unusable, _)) if !unusable.unreadable.is_empty() => {
            let advice = "restore their rows, or end them with `rest-social-auth keys retire`";
            Finding::error(format!("{WHAT} {} cannot be read", unusable.unreadable.join(", ")), advice)
        }
        Ok((unusable, _)) if !unusable.retired.is_empty() => {
            let advice = "replace them in SIMPLE_JWT_SIGNING_KEY and SIMPLE_JWT_VERIFYING_KEY: they never sign again";
            Finding::error(format!("{WHAT} {} were retired", unusable.retired.join(", ")), advice)
        }
        Ok((_, listed)) => match listed.iter().find(|key| key.state == SigningKeyState::Signing) {
            Some(key) => Finding::ok(format!("the signing key {} can be decrypted", key.kid)),
            None => Finding::ok(format!("{WHAT} are made by the first start")),
        },
    }
}

fn check_outgoing(settings: &Settings) -> Vec<Finding> {
    let rules = &settings.outgoing;
    let mut findings = Vec::new();
    for (name, proxy) in [("HTTPS_PROXY", &rules.https_proxy), ("HTTP_PROXY", &rules.http_proxy)] {
        // Without the rest of the URL, which may contain a password.
        if let Some(host) = proxy.as_ref().and_then(|proxy| proxy.host_str()) {
            findings.push(Finding::ok(format!("{name}: calls go through {host}")));
        }
    }
    // An unreadable one is an error of the client.
    if let Some(roots) = rules.extra_roots.as_ref().filter(|roots| std::fs::File::open(roots).is_ok()) {
        findings.push(Finding::ok(format!("SSL_CERT_FILE: {} is trusted too", roots.display())));
    }
    if rules.allow_private {
        let advice = "is on: a URL in the settings can make the server call machines of your own network";
        findings.push(Finding::warning("OUTGOING_ALLOW_PRIVATE", advice));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("no proxy, the certificates of the system, public addresses only"));
    }
    findings
}

/// `None` if there is no webhook, or its error is one of the settings.
async fn check_webhook(settings: &Settings, deps: &Deps) -> Option<Finding> {
    match Webhook::new(settings, deps) {
        Ok(hook) => Some(hook?.check_reachable().await),
        Err(error) if error.name == "WEBHOOK_URL" => Some(error_finding(error)),
        Err(_) => None,
    }
}

/// Compares this machine's clock with the median of the providers' clocks, because the clock of one may be wrong.
fn compare_clocks(mut clocks: Vec<(String, i64)>) -> Finding {
    clocks.sort_by_key(|(_, ahead)| *ahead);
    let Some((provider, ahead)) = clocks.get(clocks.len() / 2) else {
        return Finding::warning("this machine's clock", "is not compared, because no provider sent a date");
    };
    let (difference, direction) = (ahead.unsigned_abs(), if *ahead > 0 { "behind" } else { "ahead of" });
    let what = format!("this machine's clock is {difference} s {direction} that of {provider}");
    if difference <= MAX_USUAL_CLOCK_DIFFERENCE {
        Finding::ok(format!("this machine's clock agrees with that of {provider}"))
    } else if difference <= MAX_TOLERATED_CLOCK_DIFFERENCE {
        Finding::warning(what, "synchronize it with NTP")
    } else {
        Finding::error(what, "synchronize it with NTP: signatures and tokens are refused when clocks differ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_clock_counts() {
        let clock = |clocks: &[i64]| compare_clocks(clocks.iter().map(|ahead| ("x".to_owned(), *ahead)).collect());
        assert!(clock(&[0, 9000, 1]).ok);
        assert_eq!(clock(&[1]).advice, None);
        assert!(clock(&[-20]).advice.is_some_and(|advice| advice.contains("NTP")));
        assert!(!clock(&[-31]).ok);
        assert!(clock(&[-31]).what.contains("31 s ahead of"));
        assert!(clock(&[]).ok);
    }

    #[test]
    fn the_clock_of_the_database_is_compared() {
        let compared = |database: i64| compare_database_clock(UnixMillis(database), UnixMillis(1_000_000));
        assert_eq!(compared(1_004_000).advice, None);
        assert!(compared(980_000).ok && compared(980_000).advice.is_some());
        assert!(!compared(1_060_000).ok);
        assert!(compared(940_000).what.contains("differs by 60 s"));
    }

    #[test]
    fn sqlite_file_is_read_from_the_url() {
        assert_eq!(sqlite_file("sqlite:///var/x.db?mode=rwc").as_deref(), Some(Path::new("/var/x.db")));
        assert_eq!(sqlite_file("sqlite:x.db").as_deref(), Some(Path::new("x.db")));
        assert_eq!(sqlite_file("postgres://h/d"), None);
    }
}
