//! Copies an SQLite database while servers use it, and verifies the copy.
//!
//! `VACUUM INTO` copies one state of the database, as a reader does: writes go on, and the copy has no unused pages. The
//! backup API of SQLite needs a raw pointer to the connection, thus `unsafe`, which this crate forbids; the driver has no safe
//! function for it.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection as _};

use super::connections::not_opened;
use crate::secrets::{ExposeSecret as _, SecretString};
use crate::store::error::{Result, StoreError};

/// How long the copy waits for another process that locks the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Copies the SQLite database of DATABASE_URL into the file `to`, which is empty or does not exist. Servers may use the database
/// meanwhile; the copy is one state of it.
///
/// # Errors
///
/// The database cannot be read, or the copy not be written.
pub(crate) async fn copy_database(database_url: &SecretString, to: &Path) -> Result<()> {
    let to = to.to_str().ok_or_else(|| StoreError("the path of the backup is not Unicode".into()))?;
    let options =
        SqliteConnectOptions::from_str(database_url.expose_secret())?.create_if_missing(false).read_only(true);
    let file = options.get_filename().to_owned();
    let connection = options.busy_timeout(BUSY_TIMEOUT).disable_statement_logging().connect().await;
    let mut connection = connection.map_err(|error| StoreError(not_opened(&file, &error).into()))?;
    let copied = sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await;
    connection.close().await?;
    copied?;
    Ok(())
}

/// The number of users in a copy.
///
/// # Errors
///
/// SQLite finds the file damaged, or it is no database of this server.
pub(crate) async fn verify_copy(copy: &Path) -> Result<i64> {
    let options = SqliteConnectOptions::new().filename(copy).create_if_missing(false).read_only(true);
    let mut connection = options.disable_statement_logging().connect().await?;
    let problems: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_all(&mut connection).await?;
    if problems != ["ok"] {
        return Err(StoreError(format!("the copy is damaged: {}", problems.join("; ")).into()));
    }
    let orphan: Option<(String,)> = sqlx::query_as("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1")
        .fetch_optional(&mut connection)
        .await?;
    if let Some((table,)) = orphan {
        return Err(StoreError(format!("the table {table} of the copy has a row without its user").into()));
    }
    let users = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(users)
}
