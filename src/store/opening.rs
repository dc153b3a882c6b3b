//! How a database is opened.

use crate::model::EventFactory;
use crate::settings::DatabaseLimits;

/// How a database is opened.
#[derive(Default)]
pub struct Opening {
    /// Makes the SQLite file where there is none.
    pub create: bool,
    /// Asked in each transaction about a user for the event that is written along.
    pub event_factory: Option<EventFactory>,
    /// `None`: calls take as long as they take, as a command of an operator needs it.
    pub limits: Option<DatabaseLimits>,
}
