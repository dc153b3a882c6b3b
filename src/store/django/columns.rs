//! How a column of Django is read as a type of ours, in each of the two dialects.

use super::{Django, Source, quoted};

impl Django {
    /// A moment in milliseconds since 1970. Django keeps UTC (where USE_TZ is off: its own local time, read as UTC).
    pub(super) fn millis(&self, column: &str) -> String {
        let column = quoted(column);
        match self.connection {
            Source::Sqlite(_) => format!("CAST(round(unixepoch({column}, 'subsec') * 1000) AS INTEGER)"),
            Source::Postgres(_) => format!("CAST(floor(extract(epoch FROM {column}) * 1000) AS BIGINT)"),
        }
    }

    /// Text, empty where there is none.
    pub(super) fn text(&self, column: &str) -> String {
        format!("COALESCE(CAST({} AS TEXT), '')", quoted(column))
    }

    pub(super) fn integer(&self, column: &str) -> String {
        match self.connection {
            Source::Sqlite(_) => quoted(column),
            Source::Postgres(_) => format!("CAST({} AS BIGINT)", quoted(column)),
        }
    }

    pub(super) fn boolean(&self, column: &str) -> String {
        format!("COALESCE({}, false)", quoted(column))
    }

    /// `written`, or what stands for a column that an older release does not have.
    pub(super) fn or(&self, table: &str, column: &str, written: String, otherwise: &str) -> String {
        if self.has_column(table, column) { written } else { otherwise.to_owned() }
    }
}
