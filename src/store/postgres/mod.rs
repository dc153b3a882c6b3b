//! PostgreSQL, for several nodes: nothing that another node must see is in this process.

/// The parts of statements that differ between the dialects.
macro_rules! dialect {
    // Ends a SELECT that locks its rows until the transaction ends.
    (for_update) => {
        " FOR NO KEY UPDATE"
    };
    // Ends a SELECT that locks its rows and skips those that are locked.
    (skip_locked) => {
        " FOR UPDATE SKIP LOCKED"
    };
    // Whether several nodes may use the database.
    (several_nodes) => {
        true
    };
    // The clock of the database, in milliseconds since 1970.
    (now) => {
        "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
    };
    // Operators that compare texts by their bytes, as the indexes do.
    (at_least) => {
        "~>=~"
    };
    // Ends an ORDER BY of texts by their bytes.
    (by_bytes) => {
        " USING ~<~"
    };
    // The place of one text in another; 0: it does not occur.
    (position) => {
        "strpos"
    };
    (below) => {
        "~<~"
    };
}

mod bulk_insert;
mod claim_group;
mod connections;
mod credential_group;
mod current_pool;
mod group;
mod login_group;
mod pool;
mod shared_transaction;
#[expect(clippy::duplicate_mod, reason = "each database compiles the statements for its own types")]
#[path = "../sql/mod.rs"]
mod sql;

pub(super) use self::connections::{Store, may_answer_later, open};

use std::sync::LazyLock;

use sqlx::migrate::Migrator;

use super::migrations;

type Database = sqlx::Postgres;
type Tx = pool::Tx;

static MIGRATOR: LazyLock<Migrator> =
    LazyLock::new(|| migrations::migrator(include!(concat!(env!("OUT_DIR"), "/postgres.rs"))));
