//! The rows of one insert of an import, by column: PostgreSQL takes each column as one array, SQLite the values of each row.

/// Rows that are inserted together.
pub(super) struct Columns<'r> {
    /// The table, as in `INSERT INTO`.
    pub table: &'static str,
    /// The columns, each with as many values as there are rows.
    pub columns: Vec<(&'static str, Values<'r>)>,
    /// The number of rows.
    pub rows: usize,
}

/// The values of one column. Nothing else is inserted by an import.
pub(super) enum Values<'r> {
    Integer(Vec<i64>),
    OptionalInteger(Vec<Option<i64>>),
    Boolean(Vec<bool>),
    Text(Vec<&'r str>),
    OwnedText(Vec<String>),
    /// JSON objects as text.
    Json(Vec<Option<String>>),
    Bytes(Vec<Option<&'r [u8]>>),
}

impl<'r> Columns<'r> {
    /// Rows without columns.
    pub fn new(table: &'static str, rows: usize) -> Self {
        Self { table, columns: Vec::new(), rows }
    }

    /// Adds a column.
    pub fn with(mut self, name: &'static str, values: Values<'r>) -> Self {
        self.columns.push((name, values));
        self
    }

    /// The names of the columns, separated by commas.
    pub fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}
