//! The settings of a command. `serve` needs all of them; other commands need a few, and ignore errors in the rest.

use std::ffi::OsString;
use std::path::Path;

use url::Url;

use super::failure::Failure;
use super::init;
use crate::clock::Deps;
use crate::hook::Webhook;
use crate::outgoing::Client;
use crate::provider::{self, Providers};
use crate::secrets::ExposeSecret as _;
use crate::settings::{
    Mode, NOT_UTF_8, OutgoingRules, SettingError, Settings, Sources, process_environment, read_with_errors, sqlite_file,
};

pub(super) const NO_PROVIDER: &str =
    "no provider is configured: set SOCIAL_AUTH_<NAME>_KEY, or [providers.<name>] in the settings file";

/// The variables of the process.
pub(super) fn environment() -> Vec<(String, OsString)> {
    process_environment().collect()
}

/// The value of a variable that is no setting. `None`: it is not set, or empty. Errors: it is not UTF-8.
pub(super) fn variable<'a>(environment: &'a [(String, OsString)], name: &str) -> Result<Option<&'a str>, SettingError> {
    let found = environment.iter().rev().find(|(known, text)| known == name && !text.is_empty());
    found.map(|(_, text)| text.to_str().ok_or_else(|| SettingError::new(name, NOT_UTF_8))).transpose()
}

/// All settings, with the defaults of `defaults` below the file and the environment.
///
/// Errors: all of them together, those of certificates, webhooks and providers included.
pub(super) fn settings(
    mode: Mode,
    defaults: toml::Table,
    config: Option<&Path>,
    environment: Vec<(String, OsString)>,
    deps: &Deps,
) -> Result<Settings, Failure> {
    let (settings, mut errors) = read(mode, defaults, config, environment);
    if errors.is_empty() {
        return Ok(settings);
    }
    let mut further = errors_in_use(&settings, deps);
    further.retain(|error| !errors.iter().any(|known| known.name == error.name));
    errors.extend(further);
    Err(Failure::Settings(errors))
}

/// The settings of a server with all errors in them. The command decides which errors concern it.
pub(super) fn settings_with_errors(config: Option<&Path>) -> (Settings, Vec<SettingError>) {
    read(Mode::Serve, toml::Table::new(), config, environment())
}

/// Errors: those of the settings file as a whole: it cannot be read or is not TOML.
pub(super) fn refuse_unreadable_file(config: Option<&Path>, errors: &[SettingError]) -> Result<(), Failure> {
    let errors: Vec<_> = errors.iter().filter(|error| is_in_file(error, config)).cloned().collect();
    if errors.is_empty() { Ok(()) } else { Err(Failure::Settings(errors)) }
}

fn is_in_file(error: &SettingError, config: Option<&Path>) -> bool {
    config.is_some_and(|path| path.display().to_string() == error.name)
}

pub(super) fn read(
    mode: Mode,
    defaults: toml::Table,
    file: Option<&Path>,
    environment: Vec<(String, OsString)>,
) -> (Settings, Vec<SettingError>) {
    let catalog = provider::catalog_names();
    read_with_errors(&Sources { mode, defaults, file, environment, catalog: &catalog, ..Sources::default() })
}

/// Settings of a server in which DATABASE_URL and the names in `needed` have no error. Others may be missing.
pub(super) fn settings_for(config: Option<&Path>, needed: &[&str]) -> Result<Settings, Failure> {
    settings_without_errors_in(settings_with_errors(config), config, needed)
}

/// The same for a command that needs none of the settings that `serve` requires.
pub(super) fn optional_settings_for(config: &Path, needed: &[&str]) -> Result<Settings, Failure> {
    let read = read(Mode::Dev, toml::Table::new(), Some(config), environment());
    settings_without_errors_in(read, Some(config), needed)
}

fn settings_without_errors_in(
    (settings, mut errors): (Settings, Vec<SettingError>),
    config: Option<&Path>,
    needed: &[&str],
) -> Result<Settings, Failure> {
    errors.retain(|error| {
        let mut names = needed.iter().chain(&["DATABASE_URL"]);
        names.any(|name| is_in_setting(&error.name, name)) || is_in_file(error, config)
    });
    if errors.is_empty() { Ok(settings) } else { Err(Failure::Settings(errors)) }
}

/// Which database and which settings file a command uses.
pub(super) fn sources(config: Option<&Path>) -> String {
    let (settings, errors) = settings_with_errors(config);
    // The default takes the place of a wrong value, but is not used.
    let database = if errors.iter().any(|error| is_in_setting(&error.name, "DATABASE_URL")) {
        "of DATABASE_URL".to_owned()
    } else {
        database_name(settings.database_url.expose_secret())
    };
    let source = match config {
        Some(file) => format!("settings file {}", file.display()),
        None if Path::new(init::FILE).exists() => {
            format!("settings of the environment; {0} was not read, to use it add --config {0}", init::FILE)
        }
        None => "settings of the environment".to_owned(),
    };
    format!("database {database}; {source}")
}

/// The URL without user, password and parameters; the path of a file in full.
pub(super) fn database_name(url: &str) -> String {
    if let Some(path) = sqlite_file(url) {
        return std::path::absolute(&path).unwrap_or(path).display().to_string();
    }
    let parsed = Url::parse(url).ok();
    let shown = parsed.map(|url| format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()));
    shown.unwrap_or_else(|| "of DATABASE_URL".to_owned())
}

/// Whether an error is in this setting or in a member of it, such as `REST_SOCIAL_USER_FIELDS.locale`.
fn is_in_setting(name: &str, setting: &str) -> bool {
    name.split('.').next().unwrap_or_default().eq_ignore_ascii_case(setting)
}

/// Errors that appear when certificates, providers and the webhook are made of the settings.
pub(super) fn errors_in_use(settings: &Settings, deps: &Deps) -> Vec<SettingError> {
    let mut errors = Vec::new();
    if let Some(client) = client(settings, &mut errors) {
        errors.extend(Providers::from_settings(settings, &client, deps).err().unwrap_or_default());
        errors.extend(Webhook::new(settings, deps).err());
    }
    errors
}

/// The HTTP client; without the operator's certificates if they are wrong.
pub(super) fn client(settings: &Settings, errors: &mut Vec<SettingError>) -> Option<Client> {
    let client = Client::new(&settings.outgoing).or_else(|error| {
        errors.push(error);
        Client::new(&OutgoingRules { extra_roots: None, ..settings.outgoing.clone() })
    });
    client.ok()
}
