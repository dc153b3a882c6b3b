//! Social accounts, and the encrypted tokens of their providers.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AccountId, AuditEvent, SocialAccount, User, UserId};

/// Encrypted provider tokens of an account that take the place of `old`.
#[derive(Clone, Debug)]
pub struct ReencryptedTokens {
    pub account: AccountId,
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

/// An account with the provider's tokens as they are kept.
pub type EncryptedTokens = (SocialAccount, Option<Vec<u8>>);

#[derive(Debug)]
pub enum Unlinked {
    /// With the provider's tokens as they were kept.
    Done(Box<SocialAccount>, Option<Vec<u8>>),
    /// Without it nobody could sign in as this user any more: nothing was written.
    LastWayIn,
    NotFound,
}

/// Social accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The accounts of these uids in every scope, with their users, in order of creation: one read.
    async fn accounts_by_uid(&self, provider: &str, uids: &[&str]) -> Result<Vec<(SocialAccount, User)>>;
    /// The scopes that the provider's uids are unique within, at most 100. Reads all accounts of the provider.
    async fn uid_scopes(&self, provider: &str) -> Result<Vec<String>>;
    /// How many accounts are stored under a key of an earlier release, by provider.
    async fn legacy_uids(&self) -> Result<Vec<(String, i64)>>;
    /// In order of creation.
    async fn accounts_of(&self, user: UserId) -> Result<Vec<SocialAccount>>;
    /// Takes an account from its user, unless it is the last one that signs them in: `counts` says of a provider's name
    /// whether its accounts can. Two at once leave one (SEC-25).
    async fn unlink(
        &self,
        user: UserId,
        account: AccountId,
        counts: &(dyn for<'a> Fn(&'a str) -> bool + Sync),
        audit: &AuditEvent,
    ) -> Result<Unlinked>;
    /// The account and the provider's sealed tokens, if it is the user's.
    async fn account_tokens(&self, user: UserId, account: AccountId) -> Result<Option<EncryptedTokens>>;
    /// Whether the caller is the one who refreshes the tokens now, until `until`; of several nodes one is.
    async fn lease_tokens(&self, account: AccountId, now: UnixMillis, until: UnixMillis) -> Result<bool>;
    async fn end_lease(&self, account: AccountId) -> Result<()>;
    /// Sealed tokens of accounts after `after` in the order of their ids, with what they are bound to.
    async fn encrypted_tokens(&self, after: AccountId, most: i64) -> Result<Vec<(SocialAccount, Vec<u8>)>>;
    /// Puts `new` in the place of `old`, unless another call replaced them meanwhile.
    async fn replace_encrypted_tokens(&self, account: AccountId, old: &[u8], new: &[u8]) -> Result<bool>;
    /// Drops `old` and leaves an audit row, unless another call replaced them meanwhile; one transaction.
    async fn drop_tokens(&self, account: AccountId, old: &[u8], audit: &AuditEvent) -> Result<bool>;
    /// [`Self::replace_encrypted_tokens`] for many, a few hundred in each statement; returns how many were replaced.
    async fn reencrypt_all(&self, reencrypted: &[ReencryptedTokens]) -> Result<u64>;
    /// How many of the sealed texts begin so: [`crate::secrets::TokenCipher::key_prefixes`] says how a key's do. Of none: all.
    async fn count_encrypted(&self, beginning: &[u8]) -> Result<i64>;
}
