//! How a database is opened.

use crate::model::EventFactory;
use crate::settings::DatabaseLimits;

/// How a database is opened.
#[derive(Default)]
pub struct Opening {
    /// Creates the SQLite file if it does not exist.
    pub create: bool,
    /// Returns the webhook event that a transaction about a user also writes; `None`: webhooks are off.
    pub event_factory: Option<EventFactory>,
    /// `None`: no limits, as for the commands of an operator.
    pub limits: Option<DatabaseLimits>,
}
