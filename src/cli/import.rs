//! `import django`: moves the users of a Django project in, with a bar on a terminal and a report at the end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::serve::bring_up_to_date;
use super::{Failure, environment, print, settings, terminal};
use crate::clock::Deps;
use crate::import::{self, ImportError, ImportOptions, Progress};
use crate::secrets::SecretString;
use crate::settings::{Mode, SettingError, Settings};
use crate::store::django::{Django, Names};
use crate::store::{self, Repository, Schema};

/// Holds Django's SECRET_KEY where it is another than ours.
const DJANGO_SECRET_KEY: &str = "DJANGO_SECRET_KEY";
/// Django's setting of that name, as a JSON list.
const FALLBACKS: &str = "DJANGO_SECRET_KEY_FALLBACKS";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Move in the users, linked accounts and credentials of a Django project that used REST social auth
    ///
    /// Nothing that is here is overwritten, and nothing is written at the source. An import that was interrupted, or
    /// that ran long ago, may run again: it goes on with what is missing. Sessions are read with SECRET_KEY, or with
    /// DJANGO_SECRET_KEY in the environment where Django's is another, or one of DJANGO_SECRET_KEY_FALLBACKS.
    Django(Arguments),
}

#[derive(Args)]
pub(super) struct Arguments {
    /// Django's database: sqlite://PATH or postgres://…
    #[arg(long, value_name = "URL", env = "DJANGO_DATABASE_URL", hide_env_values = true)]
    from: String,
    /// Where the users are, if not where the linked accounts point
    #[arg(long, value_name = "TABLE")]
    user_table: Option<String>,
    /// What becomes the username, if not `username` or `email`
    #[arg(long, value_name = "COLUMN")]
    username_column: Option<String>,
    /// What becomes the user's id, if not the primary key: a column of whole numbers, unique
    #[arg(long, value_name = "COLUMN")]
    id_column: Option<String>,
    /// Look and report, write nothing
    #[arg(long)]
    dry_run: bool,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(command: Command, config: Option<&Path>, deps: Deps) -> Result<(), Failure> {
    let Command::Django(arguments) = command;
    let environment = environment();
    let of_django = keys_of_django(&environment)?;
    let from = SecretString::from(arguments.from);
    let looked_at = Django::look_at(&from);
    let settings = match (settings(Mode::Serve, toml::Table::new(), config, environment, &deps), looked_at) {
        (Ok(settings), looked_at) => looked_at.map(|()| settings)?,
        (Err(Failure::Settings(mut errors)), Err(error)) => {
            errors.insert(0, error);
            return Err(Failure::Settings(errors));
        }
        (Err(failure), _) => return Err(failure),
    };
    let wanted = ImportOptions {
        from,
        names: Names {
            user_table: arguments.user_table,
            username_column: arguments.username_column,
            id_column: arguments.id_column,
        },
        dry_run: arguments.dry_run,
        session_keys: std::iter::once(settings.secret_key.clone()).chain(of_django).collect(),
    };
    let target = if arguments.dry_run { look_at(&settings).await? } else { Some(made_ready(&settings).await?) };
    let imported = import::django(&wanted, &settings, target.clone(), &deps, &mut Bar::default()).await;
    if let Some(target) = target {
        target.close().await;
    }
    let report = imported.map_err(|error| match error {
        ImportError::Setting(error) => Failure::from(error),
        other => Failure::Other(other.to_string()),
    })?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| Failure::Other(error.to_string()))?;
        return print(&text);
    }
    print(&report.to_string())
}

/// The keys that Django's sessions may be signed with, besides ours.
fn keys_of_django(environment: &[(String, String)]) -> Result<Vec<SecretString>, Failure> {
    let named = |wanted: &str| environment.iter().find(|(name, _)| name == wanted).map(|(_, text)| text.as_str());
    let mut keys: Vec<SecretString> = named(DJANGO_SECRET_KEY).map(SecretString::from).into_iter().collect();
    if let Some(list) = named(FALLBACKS).filter(|list| !list.is_empty()) {
        let list: Vec<String> = serde_json::from_str(list)
            .map_err(|_| SettingError::new(FALLBACKS, "must be a JSON list of texts, such as [\"the key before\"]"))?;
        keys.extend(list.into_iter().map(SecretString::from));
    }
    Ok(keys)
}

async fn made_ready(settings: &Settings) -> Result<Arc<dyn Repository>, Failure> {
    let repository = store::open(&settings.database_url, true).await?;
    bring_up_to_date(repository.as_ref()).await?;
    Ok(repository)
}

/// For a dry run, which makes neither a file nor a table. `None`: there is no database, or one without tables.
async fn look_at(settings: &Settings) -> Result<Option<Arc<dyn Repository>>, Failure> {
    if store::is_missing_file(&settings.database_url) {
        return Ok(None);
    }
    let repository = store::open(&settings.database_url, false).await?;
    match repository.schema().await? {
        Schema::Current => return Ok(Some(repository)),
        Schema::Empty => {}
        Schema::Behind => {
            return Err(Failure::Other(
                "the database has the tables of an earlier release: run `rest-social-auth migrate` first".to_owned(),
            ));
        }
        Schema::Ahead => return Err(Failure::Other(store::LATER_RELEASE.to_owned())),
    }
    repository.close().await;
    Ok(None)
}

/// Draws on the standard error, where that is a terminal.
#[derive(Default)]
struct Bar(Option<ProgressBar>);

impl Progress for Bar {
    fn begin(&mut self, table: &str, rows: u64) {
        if !terminal::can_redraw() {
            return;
        }
        let bar = ProgressBar::new(rows);
        let style = "{msg:34} {bar:30} {human_pos:>11}/{human_len} {rate:>14} {eta:>5}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = out.write_str(&terminal::rate(state.per_sec()));
            };
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_message(table.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.0 = Some(bar);
    }

    fn advance(&mut self, rows: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(rows);
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish();
        }
    }
}
