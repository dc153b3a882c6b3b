//! SQL expressions that convert Django's columns, for both dialects.

use super::{Dialect, Django, quoted};

impl Django {
    /// A time in milliseconds since 1970. Django stores UTC (with USE_TZ off: its local time, which is read as UTC).
    pub(super) fn millis(&self, column: &str) -> String {
        let column = quoted(column);
        match self.dialect {
            Dialect::Sqlite => format!("CAST(round(unixepoch({column}, 'subsec') * 1000) AS INTEGER)"),
            // An infinite time becomes NULL.
            Dialect::Postgres => {
                format!(
                    "CASE WHEN isfinite({column}) THEN CAST(floor(extract(epoch FROM {column}) * 1000) AS BIGINT) END"
                )
            }
        }
    }

    /// A time of expiry: NULL stays NULL, an unreadable value becomes 1970.
    pub(super) fn expiry(&self, column: &str) -> String {
        format!("CASE WHEN {} IS NOT NULL THEN COALESCE({}, 0) END", quoted(column), self.millis(column))
    }

    /// A text; NULL becomes the empty text.
    pub(super) fn text(&self, column: &str) -> String {
        format!("COALESCE(CAST({} AS TEXT), '')", quoted(column))
    }

    pub(super) fn integer(&self, column: &str) -> String {
        match self.dialect {
            // A column of SQLite may hold values of any type.
            Dialect::Sqlite => format!("CAST({} AS INTEGER)", quoted(column)),
            Dialect::Postgres => format!("CAST({} AS BIGINT)", quoted(column)),
        }
    }

    pub(super) fn boolean(&self, column: &str) -> String {
        match self.dialect {
            Dialect::Sqlite => format!("COALESCE(CAST({} AS INTEGER), 0) <> 0", quoted(column)),
            // A boolean or an integer, as in SQLite.
            Dialect::Postgres => format!("COALESCE(CAST({} AS TEXT) NOT IN ('false', '0'), false)", quoted(column)),
        }
    }

    /// The id of the user that a row of `table` belongs to.
    pub(super) fn user_of(&self, table: &str) -> String {
        let users = &self.users;
        if users.id == users.key {
            return self.integer("user_id");
        }
        // A missing user gets an id that no user has.
        format!(
            "COALESCE((SELECT CAST(u.{id} AS BIGINT) FROM {name} u WHERE u.{key} = {table}.user_id), CAST('{missing}' AS BIGINT))",
            id = quoted(&users.id),
            name = quoted(&users.name),
            key = quoted(&users.key),
            missing = i64::MIN,
        )
    }

    /// The password hash of the user that a row of `table` belongs to.
    pub(super) fn password_of(&self, table: &str) -> String {
        let users = &self.users;
        if !users.has("password") {
            return "''".to_owned();
        }
        format!(
            "COALESCE((SELECT u.password FROM {name} u WHERE u.{key} = {table}.user_id), '')",
            name = quoted(&users.name),
            key = quoted(&users.key),
        )
    }

    /// The columns of the user table that declared fields come from, as one JSON object.
    pub(super) fn own_columns(&self) -> String {
        let own = &self.users.own;
        if own.is_empty() {
            return "'{}'".to_owned();
        }
        match self.dialect {
            Dialect::Sqlite => {
                let member = |name: &String| {
                    let column = quoted(name);
                    format!("'{name}', CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE {column} END")
                };
                format!("json_object({})", own.iter().map(member).collect::<Vec<_>>().join(", "))
            }
            Dialect::Postgres => {
                let columns: Vec<String> = own.iter().map(|name| format!("users.{}", quoted(name))).collect();
                format!("CAST((SELECT to_jsonb(own) FROM (SELECT {}) own) AS TEXT)", columns.join(", "))
            }
        }
    }

    /// `expression` if the table has the column, else `otherwise`. Older releases lack some columns.
    pub(super) fn or(&self, table: &str, column: &str, expression: String, otherwise: &str) -> String {
        if self.has_column(table, column) { expression } else { otherwise.to_owned() }
    }
}
