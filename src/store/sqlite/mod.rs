//! SQLite: the embedded default. Write-ahead log, one connection that writes, a few that only read.

/// Ends a SELECT whose rows no other transaction may change before this one ends.
macro_rules! for_update {
    () => {
        ""
    };
}
/// Ends a SELECT that leaves out rows which another transaction is changing.
macro_rules! skip_locked {
    () => {
        ""
    };
}
/// Compares texts by their bytes, as the indexes do.
macro_rules! at_least {
    () => {
        ">="
    };
}
/// Compares texts by their bytes, as the indexes do.
macro_rules! below {
    () => {
        "<"
    };
}

mod connections;
mod group;
#[expect(clippy::duplicate_mod, reason = "each database compiles the statements for its own types")]
#[path = "../sql/mod.rs"]
mod sql;

pub(super) use self::connections::{Store, is_missing, open};

type Database = sqlx::Sqlite;
type Tx = sqlx::Transaction<'static, Database>;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/sqlite");
