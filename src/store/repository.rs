//! The whole store.

use async_trait::async_trait;

use super::accounts::AccountStore;
use super::audit::AuditStore;
use super::authorization_requests::AuthorizationRequestStore;
use super::credentials::CredentialStore;
use super::error::Result;
use super::events::EventStore;
use super::import::ImportStore;
use super::logins::LoginStore;
use super::sweep::{BoundedRows, ExpiringTable};
use super::users::UserStore;
use crate::clock::UnixMillis;

/// How the database's schema stands to this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    Current,
    /// There are no tables: `migrate` makes them.
    Empty,
    /// An earlier release made the tables: `migrate` changes them.
    Behind,
    /// A later release made it.
    Ahead,
}

/// All of the store.
#[async_trait]
pub trait Repository:
    AuthorizationRequestStore
    + UserStore
    + AccountStore
    + LoginStore
    + CredentialStore
    + AuditStore
    + EventStore
    + ImportStore
{
    /// Brings the schema up to this release.
    async fn migrate(&self) -> Result<()>;
    /// Reads only.
    async fn schema(&self) -> Result<Schema>;
    /// Whether a login could be written now: writes a row of its own, and takes the lock on the users that a login takes.
    /// [`open_with`] limits remember a success for a second.
    async fn probe(&self, now: UnixMillis) -> Result<()>;
    async fn close(&self);
    /// Deletes a batch of rows that expired by `before`; returns how many. [`sweep`] deletes all.
    async fn delete_expired(&self, table: ExpiringTable, before: UnixMillis) -> Result<u64>;
    async fn count_rows(&self, rows: BoundedRows) -> Result<i64>;
    /// Deletes at most `most` rows, the oldest first; returns how many.
    async fn delete_oldest(&self, rows: BoundedRows, most: i64) -> Result<u64>;
}
