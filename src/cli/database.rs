//! The database for commands that need little else: it must be there, and have this release's tables.

use std::path::Path;
use std::sync::Arc;

use super::{Failure, settings_with_mistakes};
use crate::settings::{SettingError, Settings};
use crate::store::{self, Repository, Schema};

/// The settings, of which DATABASE_URL and those of `further` hold no mistake: others may still be missing.
pub(super) fn settings_of(config: Option<&Path>, further: &[&str]) -> Result<Settings, Failure> {
    let (settings, errors) = settings_with_mistakes(config);
    let file = config.map(|path| path.display().to_string());
    let concerns = |error: &SettingError| {
        let mut names = further.iter().chain(&["DATABASE_URL"]);
        names.any(|name| error.name.eq_ignore_ascii_case(name)) || file.as_deref() == Some(error.name.as_str())
    };
    let errors: Vec<SettingError> = errors.into_iter().filter(concerns).collect();
    if errors.is_empty() { Ok(settings) } else { Err(Failure::Settings(errors)) }
}

/// Makes nothing and migrates nothing.
pub(super) async fn open(settings: &Settings) -> Result<Arc<dyn Repository>, Failure> {
    let repository = store::open(&settings.database_url, false).await?;
    let problem = match repository.schema().await? {
        Schema::Current => return Ok(repository),
        Schema::Behind => "the database does not have this release's tables: run `rest-social-auth migrate`",
        Schema::Ahead => "the database was made by a later release than this one",
    };
    repository.close().await;
    Err(Failure::Other(problem.to_owned()))
}
