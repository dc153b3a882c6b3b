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

/// What an import does with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportMode {
    /// Compares them with the target and writes nothing.
    Compare,
    /// Compares them with the target and inserts the missing ones, a thousand rows in each transaction: a server that uses the
    /// database waits only for one of these.
    Write,
    /// As `Write` for rows that are probably all missing. It inserts them in one transaction without a comparison. When one of
    /// them is not inserted, it rolls back and does as `Write`. For accounts the table must have been empty before the import.
    InsertNew,
}

/// A table that an import writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportTable {
    /// Users.
    Users,
    /// Social accounts.
    SocialAccounts,
    /// Permanent tokens.
    Tokens,
    /// Knox tokens.
    KnoxTokens,
    /// Refresh and sliding tokens.
    RefreshTokens,
    /// Sessions.
    Sessions,
}

/// A refresh or sliding token of simplejwt.
#[derive(Clone, Debug)]
pub struct ImportedRefreshToken {
    /// The token.
    pub token: RefreshRow,
    /// When it was blacklisted; `None`: it is valid.
    pub blacklisted: Option<UnixMillis>,
}

/// Each `import_` method returns the outcomes in the order of the rows.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// From now on, new users and accounts get higher ids than these.
    async fn reserve_ids(&self, user: UserId, account: AccountId) -> Result<()>;
    /// Whether the table has no row.
    async fn is_table_empty(&self, table: ImportTable) -> Result<bool>;
    /// Users. A user is the same as one with its id and its username or time of creation. Usernames in `users` are unique.
    async fn import_users(&self, users: &[User], mode: ImportMode) -> Result<Vec<RowOutcome>>;
    /// Social accounts by ascending id. The users must exist.
    async fn import_accounts(&self, accounts: &[StoredAccount], mode: ImportMode) -> Result<Vec<RowOutcome>>;
    /// Permanent tokens. The users must exist.
    async fn import_tokens(&self, tokens: &[TokenRow], mode: ImportMode) -> Result<Vec<RowOutcome>>;
    /// Knox tokens. The users must exist.
    async fn import_knox(&self, tokens: &[KnoxRow], mode: ImportMode) -> Result<Vec<RowOutcome>>;
    /// Refresh tokens. The time of blacklisting is also added to a row that exists without it.
    async fn import_refresh(&self, tokens: &[ImportedRefreshToken], mode: ImportMode) -> Result<Vec<RowOutcome>>;
    /// Sessions. The users must exist.
    async fn import_sessions(&self, sessions: &[SessionRow], mode: ImportMode) -> Result<Vec<RowOutcome>>;
}
