//! PostgreSQL: where several nodes share the work. Nothing that another node must see lives in this process.

/// Ends a SELECT whose rows no other transaction may change before this one ends.
macro_rules! for_update {
    () => {
        " FOR NO KEY UPDATE"
    };
}
/// Ends a SELECT that leaves out rows which another transaction is changing.
macro_rules! skip_locked {
    () => {
        " FOR UPDATE SKIP LOCKED"
    };
}
/// Compares texts by their bytes, as the indexes do.
macro_rules! at_least {
    () => {
        "~>=~"
    };
}
/// Compares texts by their bytes, as the indexes do.
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
