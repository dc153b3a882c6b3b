//! Bulk inserts of an import: one statement for all rows, with an array for each column.

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgArguments, PgRow};

use super::{Database, Store, Tx};
use crate::store::error::Result;
use crate::store::import_columns::{Columns, Values};

impl Store {
    /// Inserts the rows that conflict with none, and returns their number.
    pub(super) async fn insert_columns(tx: &mut Tx, columns: &Columns<'_>) -> Result<u64> {
        let (statement, values) = statement(columns, "ON CONFLICT DO NOTHING")?;
        let insert = sqlx::query_with::<Database, _>(AssertSqlSafe(statement), values);
        Ok(insert.execute(&mut **tx).await?.rows_affected())
    }

    /// Inserts the rows with a statement that ends so, and returns what it returns.
    pub(super) async fn insert_columns_returning<R>(tx: &mut Tx, columns: &Columns<'_>, ending: &str) -> Result<Vec<R>>
    where
        R: for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin,
    {
        let (statement, values) = statement(columns, ending)?;
        Ok(sqlx::query_as_with::<Database, R, _>(AssertSqlSafe(statement), values).fetch_all(&mut **tx).await?)
    }
}

/// The insert, and its values.
fn statement(columns: &Columns<'_>, ending: &str) -> Result<(String, PgArguments)> {
    let mut arrays = Vec::with_capacity(columns.columns.len());
    let mut arguments = PgArguments::default();
    for (number, (_, values)) in (1..).zip(&columns.columns) {
        // A JSON text is converted by the database.
        let type_name = match values {
            Values::Integer(_) | Values::OptionalInteger(_) => "bigint[]",
            Values::Boolean(_) => "boolean[]",
            Values::Text(_) | Values::OwnedText(_) => "text[]",
            Values::Json(_) => "text[]::jsonb[]",
            Values::Bytes(_) => "bytea[]",
        };
        arrays.push(format!("${number}::{type_name}"));
        let added = match values {
            Values::Integer(all) => sqlx::Arguments::add(&mut arguments, all),
            Values::OptionalInteger(all) => sqlx::Arguments::add(&mut arguments, all),
            Values::Boolean(all) => sqlx::Arguments::add(&mut arguments, all),
            Values::Text(all) => sqlx::Arguments::add(&mut arguments, all),
            Values::OwnedText(all) => sqlx::Arguments::add(&mut arguments, all),
            Values::Json(all) => sqlx::Arguments::add(&mut arguments, all),
            Values::Bytes(all) => sqlx::Arguments::add(&mut arguments, all),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    let (table, names, arrays) = (columns.table, columns.names(), arrays.join(", "));
    Ok((format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({arrays}) {ending}"), arguments))
}
