//! PostgreSQL, for several nodes: nothing that another node must see is in this process.

/// Ends a SELECT that locks its rows until the transaction ends.
macro_rules! for_update {
    () => {
        " FOR NO KEY UPDATE"
    };
}
/// Ends a SELECT that locks its rows and skips those that are locked.
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}
/// Operator that compares texts by their bytes, as the indexes do: not less.
macro_rules! at_least {
    () => {
        "~>=~"
    };
}
/// Operator that compares texts by their bytes, as the indexes do: less.
macro_rules! below {
    () => {
        "~<~"
    };
}

mod connections;
#[expect(clippy::duplicate_mod, reason = "each database compiles the statements for its own types")]
#[path = "../sql/mod.rs"]
mod sql;

pub(super) use self::connections::{Store, open};

type Database = sqlx::Postgres;
type Tx = sqlx::Transaction<'static, Database>;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations/postgres");
