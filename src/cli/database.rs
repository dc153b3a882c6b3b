//! Opens the database for a command that neither creates nor migrates it.

use std::sync::Arc;

use super::failure::Failure;
use crate::clock::Deps;
use crate::hook;
use crate::settings::Settings;
use crate::store::{self, Opening, Repository, Schema};

/// Errors: the database is missing, or this release cannot use its schema.
pub(super) async fn open(settings: &Settings) -> Result<Arc<dyn Repository>, Failure> {
    open_with(settings, Opening::default()).await
}

/// For commands that change users: each change also writes its webhook event.
pub(super) async fn open_with_events(settings: &Settings, deps: &Deps) -> Result<Arc<dyn Repository>, Failure> {
    open_with(settings, Opening { event_factory: hook::event_factory(settings, deps), ..Opening::default() }).await
}

/// Closes the database after the work, whatever its result.
pub(super) async fn close_after(
    repository: Arc<dyn Repository>,
    work: impl AsyncFnOnce(&Arc<dyn Repository>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let result = work(&repository).await;
    repository.close().await;
    result
}

async fn open_with(settings: &Settings, opening: Opening) -> Result<Arc<dyn Repository>, Failure> {
    usable(store::open_with(&settings.database_url, opening).await?).await
}

/// Errors: as [`require_usable_schema`]; then the database is closed.
pub(super) async fn usable(repository: Arc<dyn Repository>) -> Result<Arc<dyn Repository>, Failure> {
    match require_usable_schema(repository.as_ref()).await {
        Ok(()) => Ok(repository),
        Err(failure) => {
            repository.close().await;
            Err(failure)
        }
    }
}

/// Errors: the schema is that of an earlier release, or a later one changed it so that this release cannot use it.
pub(super) async fn require_usable_schema(repository: &dyn Repository) -> Result<(), Failure> {
    let problem = match repository.schema().await? {
        Schema::Current | Schema::AheadCompatible => return Ok(()),
        Schema::Empty | Schema::Behind => {
            "the database does not have the tables of this release: run `rest-social-auth migrate`"
        }
        Schema::AheadIncompatible => store::LATER_RELEASE,
    };
    Err(Failure::Other(problem.to_owned()))
}
