//! Bulk inserts of an import: statements of many rows, with a value for each column of each row.

use sqlx::query_builder::Separated;
use sqlx::sqlite::SqliteRow;

use super::{Database, Store, Tx};
use crate::store::error::Result;
use crate::store::import_columns::{Columns, Values};

/// Rows in one statement. Larger ones are not faster.
const ROWS_PER_STATEMENT: usize = 250;

type Builder = sqlx::QueryBuilder<Database>;

impl Store {
    /// Inserts the rows that conflict with none, and returns their number.
    pub(super) async fn insert_columns(tx: &mut Tx, columns: &Columns<'_>) -> Result<u64> {
        let mut inserted = 0;
        for first in (0..columns.rows).step_by(ROWS_PER_STATEMENT) {
            let (mut insert, is_full) = statement(columns, first, "ON CONFLICT DO NOTHING");
            inserted += insert.build().persistent(is_full).execute(&mut **tx).await?.rows_affected();
        }
        Ok(inserted)
    }

    /// Inserts the rows with a statement that ends so, and returns what it returns.
    pub(super) async fn insert_columns_returning<R>(tx: &mut Tx, columns: &Columns<'_>, ending: &str) -> Result<Vec<R>>
    where
        R: for<'r> sqlx::FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let mut returned = Vec::new();
        for first in (0..columns.rows).step_by(ROWS_PER_STATEMENT) {
            let (mut insert, is_full) = statement(columns, first, ending);
            returned.extend(insert.build_query_as::<R>().persistent(is_full).fetch_all(&mut **tx).await?);
        }
        Ok(returned)
    }
}

/// The insert of the rows from `first` on, and whether it has as many as others: such a statement is kept prepared.
fn statement(columns: &Columns<'_>, first: usize, ending: &str) -> (Builder, bool) {
    let end = columns.rows.min(first + ROWS_PER_STATEMENT);
    let mut insert = Builder::new(format!("INSERT INTO {} ({}) ", columns.table, columns.names()));
    insert.push_values(first..end, |mut row, index| {
        columns.columns.iter().for_each(|(_, values)| push(&mut row, values, index));
    });
    insert.push(" ").push(ending);
    (insert, end - first == ROWS_PER_STATEMENT)
}

/// Binds one value of a row.
fn push(row: &mut Separated<'_, Database, &'static str>, values: &Values<'_>, index: usize) {
    match values {
        Values::Integer(all) => row.push_bind(all[index]),
        Values::OptionalInteger(all) => row.push_bind(all[index]),
        Values::Boolean(all) => row.push_bind(all[index]),
        Values::Text(all) => row.push_bind(all[index]),
        Values::OwnedText(all) => row.push_bind(all[index].as_str()),
        Values::Json(all) => row.push_bind(all[index].as_deref()),
        Values::Bytes(all) => row.push_bind(all[index]),
    };
}
