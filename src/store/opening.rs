//! How a database is opened.

use sqlx::ConnectOptions;

use crate::metrics::Metrics;
use crate::model::EventFactory;
use crate::settings::{DatabaseLimits, SqliteSynchronous};

/// How a database is opened.
#[derive(Default)]
pub struct Opening {
    /// Creates the SQLite file if it does not exist.
    pub create: bool,
    /// Returns the webhook event that a transaction about a user also writes; `None`: webhooks are off.
    pub event_factory: Option<EventFactory>,
    /// `None`: no limits, as for the commands of an operator.
    pub limits: Option<DatabaseLimits>,
    /// SQLITE_SYNCHRONOUS.
    pub synchronous: SqliteSynchronous,
    /// Counts calls and groups of writes.
    pub metrics: Metrics,
}

/// Turns the log of statements off. A debug build has it at the level `info` of `sqlx::query`, for `tests/scale/statements.py`; it
/// shows no values.
pub(super) fn without_statement_log<O: ConnectOptions>(options: O) -> O {
    let silent = options.disable_statement_logging();
    match "info".parse() {
        Ok(info) if cfg!(debug_assertions) => silent.log_statements(info),
        _ => silent,
    }
}
