//! SQLite, the default: a write-ahead log, one connection that writes, two that read.

/// Ends a SELECT that locks its rows until the transaction ends. Empty: SQLite has one writing transaction.
macro_rules! for_update {
    () => {
        ""
    };
}
/// Ends a SELECT that locks its rows and skips those that are locked. Empty: as [`for_update`].
macro_rules! skip_locked {
    () => {
        ""
    };
}
/// Operator that compares texts by their bytes, as the indexes do: not less.
macro_rules! at_least {
    () => {
        ">="
    };
}
/// Operator that compares texts by their bytes, as the indexes do: less.
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
