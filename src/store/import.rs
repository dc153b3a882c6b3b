//! What an import writes: many rows at once, with the ids they bring. Called by `import/` alone.
//!
//! Nothing that is there is overwritten: a row is new, there already, or clashes with somebody else's. So the same import
//! may run again, after an interruption or for the rows that came since.

use async_trait::async_trait;

use super::Result;
use crate::clock::UnixMillis;
use crate::model::{AccountId, KnoxRow, RefreshRow, SessionRow, SocialAccount, TokenRow, User, UserId};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    IssuedCredential,
    /// Written under another id, since its own belongs to another row.
    Renumbered,
    /// The same row was there: nothing was changed.
    There,
    /// The same user was there and is active, but is not active at the source: nothing was changed.
    ThereButActive,
    /// The same user was there, and got values of declared fields that had none.
    Filled,
    Taken(ConflictKind),
}

/// What belongs to somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    Id,
    Username,
    /// (provider, uid).
    Account,
    Credential,
    /// Somebody else wrote it while the import ran.
    Meanwhile,
}

/// Each answers one fate a row, in the order of the rows; `write` false only looks. One transaction a call.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// New users and accounts get ids above these from now on, also while the import still runs.
    async fn reserve_ids(&self, user: UserId, account: AccountId) -> Result<()>;
    /// The same person is the same id with the same username or moment of joining. No two of `users` have one username.
    async fn import_users(&self, users: &[User], write: bool) -> Result<Vec<RowOutcome>>;
    /// With the provider's sealed tokens. The users must be there.
    async fn import_accounts(
        &self,
        accounts: &[(SocialAccount, Option<Vec<u8>>)],
        write: bool,
    ) -> Result<Vec<RowOutcome>>;
    async fn import_tokens(&self, tokens: &[TokenRow], write: bool) -> Result<Vec<RowOutcome>>;
    async fn import_knox(&self, tokens: &[KnoxRow], write: bool) -> Result<Vec<RowOutcome>>;
    /// With the moment of blacklisting, which is written also where the row is there without it.
    async fn import_refresh(&self, tokens: &[(RefreshRow, Option<UnixMillis>)], write: bool)
    -> Result<Vec<RowOutcome>>;
    async fn import_sessions(&self, sessions: &[SessionRow], write: bool) -> Result<Vec<RowOutcome>>;
}
