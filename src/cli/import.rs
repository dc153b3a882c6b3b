//! `import django`: imports the users of a Django project, with a progress bar on a terminal and a report.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::configuration::{environment, settings, variable};
use super::database;
use super::failure::Failure;
use super::output::print_either;
use super::progress::TerminalProgress;
use crate::clock::Deps;
use crate::import::{self, ImportError, ImportOptions};
use crate::secrets::{ExposeSecret as _, SecretString};
use crate::settings::{Mode, SettingError, Settings, sqlite_file};
use crate::store::django::{Django, Names};
use crate::store::{self, Repository, Schema};

/// Django's SECRET_KEY, if it differs from ours.
const DJANGO_SECRET_KEY: &str = "DJANGO_SECRET_KEY";
/// Django's SECRET_KEY_FALLBACKS as a JSON list.
const DJANGO_SECRET_KEY_FALLBACKS: &str = "DJANGO_SECRET_KEY_FALLBACKS";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Import users, social accounts and credentials of a project that used django-rest-social-auth
    ///
    /// The import overwrites nothing in this database and writes nothing to Django's. You can run it again, also after an
    /// interruption: it imports the rows that are missing. It verifies sessions with SECRET_KEY; set DJANGO_SECRET_KEY if
    /// Django's key differs, and DJANGO_SECRET_KEY_FALLBACKS to a JSON list of earlier keys.
    Django(Arguments),
}

#[derive(Args)]
pub(super) struct Arguments {
    /// Django's database: sqlite://PATH or postgres://…
    #[arg(long, value_name = "URL", env = "DJANGO_DATABASE_URL", hide_env_values = true)]
    from: String,
    /// Table of the users, if it is not the one that the social accounts refer to
    #[arg(long, value_name = "TABLE")]
    user_table: Option<String>,
    /// Column that becomes the username, instead of `username` or `email`
    #[arg(long, value_name = "COLUMN")]
    username_column: Option<String>,
    /// Column of unique integers that becomes the id of the user, instead of the primary key
    #[arg(long, value_name = "COLUMN")]
    id_column: Option<String>,
    /// Column that says whether a user is active, instead of `is_active`
    #[arg(long, value_name = "COLUMN")]
    active_column: Option<String>,
    /// Table of the social accounts, instead of `social_auth_usersocialauth`
    #[arg(long, value_name = "TABLE")]
    accounts_table: Option<String>,
    /// Import no social accounts
    #[arg(long, conflicts_with = "accounts_table")]
    without_accounts: bool,
    /// Table of the knox tokens, instead of `knox_authtoken`
    #[arg(long, value_name = "TABLE")]
    knox_table: Option<String>,
    /// Import ids above 4503599627370495 too, which JavaScript may not read exactly
    #[arg(long)]
    large_ids: bool,
    /// Report what an import would do, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let Command::Django(arguments) = command;
    let environment = environment();
    let django_keys = django_secret_keys(&environment)?;
    let from = SecretString::from(arguments.from);
    let checked_url = Django::look_at(&from);
    let settings = match (settings(Mode::Serve, toml::Table::new(), config, environment, &deps), checked_url) {
        (Ok(settings), checked_url) => checked_url.map(|()| settings)?,
        (Err(Failure::Settings(mut errors)), Err(error)) => {
            errors.insert(0, error);
            return Err(Failure::Settings(errors));
        }
        (Err(failure), _) => return Err(failure),
    };
    if is_same_file(from.expose_secret(), settings.database_url.expose_secret()) {
        let problem = "names the file of DATABASE_URL too: the import writes nothing to Django's database, so name another file there";
        return Err(SettingError::new("--from", problem).into());
    }
    let options = ImportOptions {
        from,
        names: Names {
            user_table: arguments.user_table,
            username_column: arguments.username_column,
            id_column: arguments.id_column,
            active_column: arguments.active_column,
            accounts_table: arguments.accounts_table,
            knox_table: arguments.knox_table,
        },
        dry_run: arguments.dry_run,
        large_ids: arguments.large_ids,
        without_accounts: arguments.without_accounts,
        session_keys: std::iter::once(settings.secret_key.clone()).chain(django_keys).collect(),
    };
    let target =
        if arguments.dry_run { open_existing(&settings).await? } else { Some(open_migrated(&settings).await?) };
    let imported = import::django(&options, &settings, target.clone(), &deps, &mut TerminalProgress::default()).await;
    if let Some(target) = target {
        target.close().await;
    }
    let report = imported.map_err(|error| match error {
        ImportError::Setting(error) => Failure::from(error),
        other => Failure::Other(other.to_string()),
    })?;
    print_either(arguments.json, &report, &report.to_string())
}

fn is_same_file(from: &str, to: &str) -> bool {
    let identity = |url| fs::metadata(sqlite_file(url)?).ok().map(|found| (found.dev(), found.ino()));
    identity(from).is_some_and(|from| Some(from) == identity(to))
}

/// Keys that may have signed Django's sessions, in addition to SECRET_KEY.
fn django_secret_keys(environment: &[(String, OsString)]) -> Result<Vec<SecretString>, Failure> {
    let key = variable(environment, DJANGO_SECRET_KEY)?;
    let mut keys: Vec<SecretString> = key.map(SecretString::from).into_iter().collect();
    if let Some(list) = variable(environment, DJANGO_SECRET_KEY_FALLBACKS)? {
        let list: Vec<String> = serde_json::from_str(list).map_err(|_| {
            SettingError::new(DJANGO_SECRET_KEY_FALLBACKS, "must be a JSON list of texts, such as [\"an earlier key\"]")
        })?;
        keys.extend(list.into_iter().filter(|key| !key.is_empty()).map(SecretString::from));
    }
    Ok(keys)
}

async fn open_migrated(settings: &Settings) -> Result<Arc<dyn Repository>, Failure> {
    let repository = store::open(&settings.database_url, true).await?;
    repository.migrate().await?;
    Ok(repository)
}

/// For a dry run, which creates neither a file nor a table. `None`: the database does not exist or has no tables.
async fn open_existing(settings: &Settings) -> Result<Option<Arc<dyn Repository>>, Failure> {
    if store::is_missing_file(&settings.database_url) {
        return Ok(None);
    }
    let repository = store::open(&settings.database_url, false).await?;
    if repository.schema().await? == Schema::Empty {
        repository.close().await;
        return Ok(None);
    }
    database::usable(repository).await.map(Some)
}
