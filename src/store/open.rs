//! Opens the database that DATABASE_URL names.

use std::sync::Arc;

use super::limited::{Backend, Limited};
use super::opening::Opening;
use super::repository::Repository;
use super::{postgres, sqlite};
use crate::metrics::Metrics;
use crate::secrets::{ExposeSecret, SecretString};
use crate::settings::{DatabaseLimits, SettingError};

/// Opens the database that DATABASE_URL names, without limits. `create`: creates the SQLite file if it does not exist.
///
/// # Errors
///
/// A [`SettingError`] that names DATABASE_URL: it cannot be parsed or opened. It never holds the password.
pub async fn open(database_url: &SecretString, create: bool) -> std::result::Result<Arc<dyn Repository>, SettingError> {
    open_with(database_url, Opening { create, ..Opening::default() }).await
}

/// Whether DATABASE_URL names an SQLite file that does not exist.
pub fn is_missing_file(database_url: &SecretString) -> bool {
    let url = database_url.expose_secret();
    url.starts_with("sqlite:") && sqlite::is_missing(url)
}

/// Opens the database that DATABASE_URL names.
///
/// # Errors
///
/// As [`open`].
pub async fn open_with(
    database_url: &SecretString,
    opening: Opening,
) -> std::result::Result<Arc<dyn Repository>, SettingError> {
    let url = database_url.expose_secret();
    let (limits, metrics) = (opening.limits, opening.metrics.clone());
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(within(sqlite::open(url, opening).await?, limits, metrics)),
        Some("postgres" | "postgresql") => Ok(within(postgres::open(url, opening).await?, limits, metrics)),
        _ => Err(SettingError::new("DATABASE_URL", "must begin with sqlite: or postgres:")),
    }
}

fn within<S: Backend + 'static>(store: S, limits: Option<DatabaseLimits>, metrics: Metrics) -> Arc<dyn Repository> {
    match limits {
        Some(limits) => Arc::new(Limited::new(store, limits.call, metrics)),
        None => Arc::new(store),
    }
}
