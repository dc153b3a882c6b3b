//! How a database is opened.

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
