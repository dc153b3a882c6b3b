//! The store of social accounts and of their encrypted provider tokens.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AccountId, AuditEvent, SocialAccount, User, UserId};

/// A social account with its provider tokens, as they are stored.
#[derive(Clone, Debug)]
pub struct StoredAccount {
    /// The account.
    pub account: SocialAccount,
    /// `None`: no tokens are stored.
    pub encrypted_tokens: Option<Vec<u8>>,
}

/// Provider tokens that were encrypted again, and the ciphertext that they replace.
#[derive(Clone, Debug)]
pub struct ReencryptedTokens {
    /// Whose tokens they are.
    pub account: AccountId,
    /// The ciphertext that is replaced.
    pub old: Vec<u8>,
    /// The new ciphertext.
    pub new: Vec<u8>,
}

/// Result of [`AccountStore::unlink`].
#[derive(Debug)]
pub enum Unlinked {
    /// The account, as it was stored.
    Done(Box<StoredAccount>),
    /// No other account could sign the user in: nothing was written (SEC-25).
    LastLoginMethod,
    /// The user has no such account: nothing was written.
    NotFound,
}

/// Social accounts, and the encrypted tokens of their providers.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The accounts with one of these uids in any scope, with their users, by id. One read.
    async fn accounts_by_uid(&self, provider: &str, uids: &[&str]) -> Result<Vec<(SocialAccount, User)>>;
    /// The different scopes of the provider's accounts, at most 100. Reads all accounts of the provider.
    async fn uid_scopes(&self, provider: &str) -> Result<Vec<String>>;
    /// The number of accounts with [`SocialAccount::legacy_uid`], by provider.
    async fn legacy_uids(&self) -> Result<Vec<(String, i64)>>;
    /// The accounts of a user, by id.
    async fn accounts_of(&self, user: UserId) -> Result<Vec<SocialAccount>>;
    /// Deletes an account of a user and writes `audit`, unless no other account could sign the user in.
    /// `allows_sign_in` decides this for each of the others. Of two concurrent calls one leaves its account (SEC-25).
    async fn unlink(
        &self,
        user: UserId,
        account: AccountId,
        allows_sign_in: &(dyn for<'a> Fn(&'a SocialAccount) -> bool + Sync),
        audit: &AuditEvent,
    ) -> Result<Unlinked>;
    /// An account of the user, with its tokens. `None`: the user has no such account.
    async fn account_tokens(&self, user: UserId, account: AccountId) -> Result<Option<StoredAccount>>;
    /// Leases the tokens until `until`, to refresh them. False: another node or call holds the lease.
    async fn lease_tokens(&self, account: AccountId, now: UnixMillis, until: UnixMillis) -> Result<bool>;
    /// Ends the lease of [`Self::lease_tokens`].
    async fn release_token_lease(&self, account: AccountId) -> Result<()>;
    /// Accounts with an id above `after` that have tokens, with their ciphertexts; by id, at most `limit`.
    async fn encrypted_tokens(&self, after: AccountId, limit: i64) -> Result<Vec<(SocialAccount, Vec<u8>)>>;
    /// Replaces the ciphertext `old`. False: the account has another one by now.
    async fn replace_encrypted_tokens(&self, account: AccountId, old: &[u8], new: &[u8]) -> Result<bool>;
    /// Deletes the ciphertext `old` and writes `audit`. False: the account has another one by now.
    async fn drop_tokens(&self, account: AccountId, old: &[u8], audit: &AuditEvent) -> Result<bool>;
    /// [`Self::replace_encrypted_tokens`] in batches; returns how many ciphertexts were replaced.
    async fn reencrypt_all(&self, reencrypted: &[ReencryptedTokens]) -> Result<u64>;
    /// The number of ciphertexts that begin with `prefix`, which names their key
    /// ([`crate::secrets::TokenCipher`]); with an empty prefix, of all.
    async fn count_encrypted(&self, prefix: &[u8]) -> Result<i64>;
}
