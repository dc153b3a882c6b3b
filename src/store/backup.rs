//! Backups of an SQLite database.

use std::path::Path;

use super::error::Result;
use super::sqlite;
use crate::secrets::{ExposeSecret as _, SecretString};

/// Copies the SQLite database of DATABASE_URL into the file `to`, which is empty or does not exist. Servers may use the database
/// meanwhile; the copy is one state of it.
///
/// # Errors
///
/// The database cannot be read, or the copy not be written.
pub(crate) async fn copy(database_url: &SecretString, to: &Path) -> Result<()> {
    sqlite::copy(database_url.expose_secret(), to).await
}

/// The number of users in a copy.
///
/// # Errors
///
/// The file is damaged, or no database of this server.
pub(crate) async fn verify(copy: &Path) -> Result<i64> {
    sqlite::verify(copy).await
}
