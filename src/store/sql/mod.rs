//! The statements of both databases. `sqlite/mod.rs` and `postgres/mod.rs` each compile this folder, because `sqlx` binds
//! and decodes values of one database type at a time.
//!
//! `super` is one of these two files; editors show one. Both define `Store`, `Database`, `Tx`, `MIGRATOR` and `dialect!`.
//! `$1` placeholders and `ON CONFLICT` are common to both dialects.

/// Reads with a query. When the database had closed the connection, reads once more on another one.
macro_rules! read {
    ($store:expr, $fetch:ident, $query:expr) => {{
        let mut reader = $store.reader().await?;
        let rows = match $query.$fetch(&mut *reader).await {
            Ok(rows) => rows,
            Err(error) => {
                reader = $store.reader_after(reader, error).await?;
                $query.$fetch(&mut *reader).await?
            }
        };
        Store::release(reader);
        rows
    }};
}

mod accounts;
mod audit;
mod authorization_requests;
mod credential_list;
mod credentials;
mod events;
mod import;
mod logins;
mod rate_limits;
mod repository;
mod services;
mod signing_keys;
mod token_families;
mod user_lookup;
mod users;

use super::{Database, MIGRATOR, Store, Tx};
use crate::model::UserId;

type Builder = sqlx::QueryBuilder<Database>;
type Connection = <Database as sqlx::Database>::Connection;
type Query<'q> = sqlx::query::Query<'q, Database, <Database as sqlx::Database>::Arguments>;

/// The maximum number of keys in one statement.
const KEY_BATCH: usize = 500;

/// Appends a list of values in parentheses.
fn push_list<'t, T>(query: &mut Builder, values: impl IntoIterator<Item = T>)
where
    T: sqlx::Encode<'t, Database> + sqlx::Type<Database>,
{
    let mut list = query.push("(").separated(", ");
    for value in values {
        list.push_bind(value);
    }
    list.push_unseparated(")");
}

/// The key of a row.
trait Key:
    std::hash::Hash
    + Eq
    + Send
    + Unpin
    + 'static
    + sqlx::Type<Database>
    + for<'q> sqlx::Encode<'q, Database>
    + for<'r> sqlx::Decode<'r, Database>
{
}
impl Key for Vec<u8> {}
impl Key for String {}
impl Key for UserId {}
