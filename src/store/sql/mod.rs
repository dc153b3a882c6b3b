//! The statements of both databases. `sqlite/mod.rs` and `postgres/mod.rs` each compile this folder, because `sqlx` binds
//! and decodes values of one database type at a time.
//!
//! To find a name of the parent module (`Store`, `Database`, `MIGRATOR`, `for_update!`), open one of these two files: an
//! editor shows the first. `$1` placeholders and `ON CONFLICT` are common to both dialects.

mod accounts;
mod audit;
mod authorization_requests;
mod credential_list;
mod credentials;
mod events;
mod import;
mod logins;
mod repository;
mod user_lookup;
mod users;

use super::{Database, MIGRATOR, Store, Tx};

type Builder = sqlx::QueryBuilder<Database>;
type Connection = <Database as sqlx::Database>::Connection;
type Query<'q> = sqlx::query::Query<'q, Database, <Database as sqlx::Database>::Arguments>;

/// Keys in one statement.
const KEY_BATCH: usize = 500;

/// What a credential's row is found by: bytes or text.
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
