//! SQLite, the default: a write-ahead log, one connection that writes, two that read.

/// The parts of statements that differ between the dialects. Locks are empty: a transaction that writes is alone.
macro_rules! dialect {
    // Ends a SELECT that locks its rows until the transaction ends.
    (for_update) => {
        ""
    };
    // Ends a SELECT that locks its rows and skips those that are locked.
    (skip_locked) => {
        ""
    };
    // Whether several nodes may use the database.
    (several_nodes) => {
        false
    };
    // The clock of the database, in milliseconds since 1970.
    (now) => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
    // Operators that compare texts by their bytes, as the indexes do.
    (at_least) => {
        ">="
    };
    // Ends an ORDER BY of texts by their bytes.
    (by_bytes) => {
        ""
    };
    // The place of one text in another; 0: it does not occur.
    (position) => {
        "instr"
    };
    (below) => {
        "<"
    };
}

mod backup;
mod bulk_insert;
mod checkpoint;
mod claim;
mod connections;
mod group;
mod lender;
mod plain_login;
mod shared_transaction;
#[expect(clippy::duplicate_mod, reason = "each database compiles the statements for its own types")]
#[path = "../sql/mod.rs"]
mod sql;

pub(crate) use self::backup::{copy_database, verify_copy};
pub(super) use self::connections::{Store, is_access_missing, is_missing, may_be_usable_later, open};

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

use super::migrations;

type Database = sqlx::Sqlite;
type Tx = sqlx::Transaction<'static, Database>;

static MIGRATOR: LazyLock<Migrator> =
    LazyLock::new(|| migrations::migrator(include!(concat!(env!("OUT_DIR"), "/sqlite.rs"))));
