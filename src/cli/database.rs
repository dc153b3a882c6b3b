//! The database for commands that need little else: it must be there, and have this release's tables.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, settings_with_mistakes};
use crate::clock::Deps;
use crate::hook;
use crate::settings::{SettingError, Settings};
use crate::store::{self, Repository, Schema};

/// The settings, of which DATABASE_URL and those of `further` hold no mistake: others may still be missing.
pub(super) fn settings_of(config: Option<&Path>, further: &[&str]) -> Result<Settings, Failure> {
    let (settings, errors) = settings_with_mistakes(config);
    let file = config.map(|path| path.display().to_string());
    let concerns = |error: &SettingError| {
        let mut names = further.iter().chain(&["DATABASE_URL"]);
        names.any(|name| is_of(&error.name, name)) || file.as_deref() == Some(error.name.as_str())
    };
    let errors: Vec<SettingError> = errors.into_iter().filter(concerns).collect();
    if errors.is_empty() { Ok(settings) } else { Err(Failure::Settings(errors)) }
}

/// Whether a mistake is in this setting or in a member of it, such as `REST_SOCIAL_USER_FIELDS.locale`.
fn is_of(mistake: &str, setting: &str) -> bool {
    let name = mistake.split('.').next().unwrap_or_default();
    name.eq_ignore_ascii_case(setting)
}

/// Makes nothing and migrates nothing.
pub(super) async fn open(settings: &Settings) -> Result<Arc<dyn Repository>, Failure> {
    checked(store::open(&settings.database_url, false).await?).await
}

/// The same for what changes users: where the settings have a webhook, it will be told.
pub(super) async fn open_announcing(settings: &Settings, deps: &Deps) -> Result<Arc<dyn Repository>, Failure> {
    let event_factory = hook::event_factory(settings, deps);
    checked(
        store::open_with(&settings.database_url, store::Opening { event_factory, ..store::Opening::default() }).await?,
    )
    .await
}

async fn checked(repository: Arc<dyn Repository>) -> Result<Arc<dyn Repository>, Failure> {
    match require_current(repository.as_ref()).await {
        Ok(()) => Ok(repository),
        Err(failure) => {
            repository.close().await;
            Err(failure)
        }
    }
}

/// Neither an earlier nor a later release's tables.
pub(super) async fn require_current(repository: &dyn Repository) -> Result<(), Failure> {
    let problem = match repository.schema().await? {
        Schema::Current => return Ok(()),
        Schema::Empty | Schema::Behind => {
            "the database does not have this release's tables: run `rest-social-auth migrate`"
        }
        Schema::Ahead => store::LATER_RELEASE,
    };
    Err(Failure::Other(problem.to_owned()))
}
