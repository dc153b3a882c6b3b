//! The store of sessions, permanent tokens, knox tokens and refresh tokens.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{
    AuditEvent, CredentialEntry, CredentialHandle, CredentialQuery, KnoxRow, RefreshRow, RefreshUse, SessionRow,
    TokenUse, User, UserId,
};
use crate::secrets::Digest;

/// Result of [`CredentialStore::rotate`].
#[derive(Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The successor is stored.
    Done,
    /// The token was rotated or blacklisted before: nothing was written.
    AlreadyUsed,
    /// The token is not valid for the user any more: nothing was written.
    Revoked,
}

/// Credentials. A look-up is one read that returns the user too. A method that revokes writes its audit event in the same
/// transaction.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    /// The session with this digest, expired or not.
    async fn session(&self, digest: &Digest) -> Result<Option<(SessionRow, User)>>;
    /// When the permanent token with this digest was issued and last used, and its user.
    async fn token(&self, digest: &Digest) -> Result<Option<(TokenUse, User)>>;
    /// The knox token with this digest, expired or not.
    async fn knox(&self, digest: &str) -> Result<Option<(KnoxRow, User)>>;
    /// Sets when a knox token expires.
    async fn extend_knox(&self, digest: &str, expires: UnixMillis) -> Result<()>;
    /// Deletes a knox token that has expired.
    async fn delete_knox(&self, digest: &str) -> Result<()>;
    /// Revokes all knox tokens of the user.
    async fn revoke_all_knox(&self, user: UserId, audit: &AuditEvent) -> Result<()>;
    /// The user, and the state of one of its refresh tokens. One read.
    async fn refresh_use(&self, jti: &str, user: UserId) -> Result<(Option<User>, RefreshUse)>;
    /// The names of the user's token families that have a token which is not blacklisted. The token may have expired.
    async fn valid_families(&self, user: UserId) -> Result<Vec<String>>;
    /// The names of the user's token families of which all tokens are blacklisted, until the last one expires.
    async fn revoked_families(&self, user: UserId) -> Result<Vec<String>>;
    /// Stores `new` as the successor of the token `old`; with `blacklist_old`, blacklists `old` too. `is_valid` checks the
    /// old token against the user as the transaction reads it, so that a concurrent revocation counts.
    async fn rotate(
        &self,
        old: &str,
        new: &RefreshRow,
        blacklist_old: bool,
        now: UnixMillis,
        is_valid: &(dyn for<'a> Fn(&'a User) -> bool + Sync),
    ) -> Result<Rotated>;
    /// Blacklists a refresh token. A token of simplejwt, which has no row, gets one (R-CMP-05). False: it was blacklisted
    /// before.
    async fn blacklist(
        &self,
        jti: &str,
        user: UserId,
        expires: UnixMillis,
        now: UnixMillis,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Stores when a credential was last used.
    async fn touch(&self, handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Result<()>;
    /// Revokes these credentials of the user and cancels requested links. Where a permanent token is among them, the next
    /// login issues another one.
    async fn revoke(
        &self,
        handles: &[CredentialHandle],
        user: UserId,
        now: UnixMillis,
        audit: &AuditEvent,
    ) -> Result<()>;
    /// A page of the user's valid credentials of all kinds. A token family is one entry.
    async fn credentials_of(&self, user: UserId, page: &CredentialQuery) -> Result<Vec<CredentialEntry>>;
    /// Revokes every credential of the user, JWTs included, and cancels requested links.
    async fn revoke_all(&self, user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<()>;
}
