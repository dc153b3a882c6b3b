//! The whole store.

use async_trait::async_trait;

use super::accounts::AccountStore;
use super::audit::AuditStore;
use super::authorization_requests::AuthorizationRequestStore;
use super::credentials::CredentialStore;
use super::deletable_rows::{BoundedRows, ExpiringTable};
use super::error::Result;
use super::events::EventStore;
use super::import::ImportStore;
use super::logins::LoginStore;
use super::rate_limits::RateLimitStore;
use super::schema::Schema;
use super::services::ServiceStore;
use super::signing_keys::SigningKeyStore;
use super::users::UserStore;
use crate::clock::UnixMillis;
use crate::metrics::PoolConnections;

/// The whole store: the traits of all aggregates, and what concerns the database as such.
///
/// Errors of every method, also those of the aggregates: [`StoreError`](super::StoreError), when the database fails, holds a row
/// that cannot be read, or does not answer within DATABASE_TIMEOUT.
#[async_trait]
pub trait Repository:
    AuthorizationRequestStore
    + UserStore
    + AccountStore
    + LoginStore
    + CredentialStore
    + ServiceStore
    + AuditStore
    + EventStore
    + ImportStore
    + RateLimitStore
    + SigningKeyStore
{
    /// Whether several nodes may use the database.
    fn serves_several_nodes(&self) -> bool;
    /// The connections of this process to the database.
    fn pool_connections(&self) -> PoolConnections;
    /// Applies the migrations of this release. Errors also: a later release changed the tables so that this one cannot use them.
    /// Then nothing is changed.
    async fn migrate(&self) -> Result<()>;
    /// Compares the schema with that of this release. Reads only.
    async fn schema(&self) -> Result<Schema>;
    /// Checks that a login could be written now: writes a row of its own and takes the locks of a login. A store with
    /// limits remembers a success for a second.
    async fn probe(&self, now: UnixMillis) -> Result<()>;
    /// The clock of the database.
    async fn database_time(&self) -> Result<UnixMillis>;
    /// Closes all connections.
    async fn close(&self);
    /// Deletes one batch of rows that expired by `before`; returns how many.
    async fn delete_expired(&self, table: ExpiringTable, before: UnixMillis) -> Result<u64>;
    /// The number of these rows.
    async fn count_rows(&self, rows: BoundedRows) -> Result<i64>;
    /// Deletes at most `limit` of these rows, the oldest first; returns how many.
    async fn delete_oldest(&self, rows: BoundedRows, limit: i64) -> Result<u64>;
}
