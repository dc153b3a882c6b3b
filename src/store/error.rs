//! Errors of the store. Their texts are for the operator: what is wrong and what to do.

use std::error::Error;

use sqlx::migrate::MigrateError;

/// A result whose error is a [`StoreError`].
pub type Result<T> = std::result::Result<T, StoreError>;

/// A failure of the database. Callers of the API get 503 `database_unavailable`; the cause is logged.
#[derive(Debug, thiserror::Error)]
#[error("{}", explained(.0.as_ref()))]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self(Box::new(error))
    }
}

/// The error text of [`Schema::AheadIncompatible`](super::Schema::AheadIncompatible).
pub const LATER_RELEASE: &str = "the database was made by a later release than this one: install that release, or name another database in DATABASE_URL";

/// The migrations are not applied: a later release changed the database so that this one cannot use it.
#[derive(Debug, thiserror::Error)]
#[error("{LATER_RELEASE}")]
pub(super) struct LaterRelease;

/// The migrations are not applied: they would fail at the first table, and leave the table of migrations behind.
#[derive(Debug, thiserror::Error)]
#[error("the database has a table `users` of another program: name an empty database in DATABASE_URL")]
pub(super) struct ForeignTables;

/// One line.
fn explained(error: &(dyn Error + Send + Sync + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<MigrateError>() {
        return of_migration(error);
    }
    if error.is::<LaterRelease>() || error.is::<ForeignTables>() {
        return error.to_string();
    }
    match error.downcast_ref::<sqlx::Error>() {
        Some(error) => of_database(error),
        None => format!("the database failed: {error}"),
    }
}

fn of_migration(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMismatch(version) => format!(
            "migration {version} of the database is not this release's: it was made by another build. Install the release \
             that made the database"
        ),
        MigrateError::Dirty(version) => format!(
            "migration {version} was interrupted and left the database half changed: restore the backup made before the \
             upgrade, then migrate again"
        ),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => of_database(error),
        other => format!("the database cannot be migrated: {other}"),
    }
}

/// SQLite's primary result code: the lowest byte, without its details. The codes of PostgreSQL have five characters.
pub(super) fn sqlite_result_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code().filter(|code| code.len() < 5)?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}

/// SQLite: the primary result codes BUSY and LOCKED, FULL, READONLY, CORRUPT and NOTADB.
pub(super) fn of_database(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(reported) => {
            let code = reported.code().unwrap_or_default();
            match (sqlite_result_code(error), code.as_ref()) {
                (_, "55P03") => {
                    "the database is busy: another session holds a lock that this statement needs".to_owned()
                }
                (_, "57014") => "the database ended a statement that took too long".to_owned(),
                (Some(5 | 6), _) => "the database is locked: another process is using it. Stop that process, \
                                                     or try again when it has finished"
                    .to_owned(),
                (Some(13), _) | (_, "53100") => {
                    "the disk of the database is full: free some space, then try again".to_owned()
                }
                (Some(8), _) | (_, "25006") => "the database cannot be written: it is read-only".to_owned(),
                (Some(11), _) => "the database file is damaged: restore a backup".to_owned(),
                (Some(26), _) => "the file is not an SQLite database".to_owned(),
                (_, "53300") => {
                    "the database has no free connections: raise its limit, or stop another program".to_owned()
                }
                (_, "28P01" | "28000") => "the database refused the user or the password in DATABASE_URL".to_owned(),
                (_, "3D000") => "the database that DATABASE_URL names does not exist: create it first".to_owned(),
                _ => format!("the database failed: {}", reported.message()),
            }
        }
        sqlx::Error::Io(error) => format!("the database cannot be reached: {error}"),
        sqlx::Error::Tls(error) => format!("the database cannot be reached: {error}"),
        sqlx::Error::PoolTimedOut => "the database does not answer: no connection became free in time".to_owned(),
        other => format!("the database failed: {other}"),
    }
}
