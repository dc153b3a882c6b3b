//! The store of an import: many rows at once, with the ids that they bring. Only `import/` calls it.
//!
//! No row is overwritten, so the same import can run again: after an interruption, or for rows that were added since.

use async_trait::async_trait;

use super::accounts::StoredAccount;
use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AccountId, KnoxRow, RefreshRow, SessionRow, TokenRow, User, UserId};

/// What an import did with a row, or would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// Inserted with its id.
    Inserted,
    /// Inserted under a new id, since another row has its id.
    Renumbered,
    /// The same row exists: unchanged.
    Exists,
    /// The same user exists and is active here, but inactive at the source: unchanged.
    ExistsButActive,
    /// The same user exists; declared fields without a value got one.
    FieldsAdded,
    /// Another row has a key of this one: nothing was written.
    Conflict(ConflictKind),
}

/// The key that another row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// The id, of another user.
    Id,
    /// The username.
    Username,
    /// (provider, uid).
    Account,
    /// The digest or id of a credential of another user.
    Credential,
    /// Another process inserted a row with a key of this one while the import ran.
    ConcurrentWrite,
}

/// Each `import_` method returns the outcomes in the order of the rows. It writes in one transaction, or, with `write`
/// false, only compares.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// From now on, new users and accounts get higher ids than these.
    async fn reserve_ids(&self, user: UserId, account: AccountId) -> Result<()>;
    /// Users. A user is the same as one with its id and its username or time of creation. Usernames in `users` are unique.
    async fn import_users(&self, users: &[User], write: bool) -> Result<Vec<RowOutcome>>;
    /// Social accounts. The users must exist.
    async fn import_accounts(&self, accounts: &[StoredAccount], write: bool) -> Result<Vec<RowOutcome>>;
    /// Permanent tokens. The users must exist.
    async fn import_tokens(&self, tokens: &[TokenRow], write: bool) -> Result<Vec<RowOutcome>>;
    /// Knox tokens. The users must exist.
    async fn import_knox(&self, tokens: &[KnoxRow], write: bool) -> Result<Vec<RowOutcome>>;
    /// Refresh and sliding tokens with the time of blacklisting, which is also added to a row that exists without it.
    async fn import_refresh(&self, tokens: &[(RefreshRow, Option<UnixMillis>)], write: bool)
    -> Result<Vec<RowOutcome>>;
    /// Sessions. The users must exist.
    async fn import_sessions(&self, sessions: &[SessionRow], write: bool) -> Result<Vec<RowOutcome>>;
}
