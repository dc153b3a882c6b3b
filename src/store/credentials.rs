//! Sessions, tokens, knox tokens and refresh tokens.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{
    AuditEvent, CredentialEntry, CredentialHandle, CredentialPage, KnoxRow, RefreshRow, RefreshUse, SessionRow, User,
    UserId,
};
use crate::secrets::Digest;

#[derive(Debug, PartialEq, Eq)]
pub enum Rotated {
    Done,
    /// The token was already rotated or blacklisted: nothing was written.
    Spent,
    /// The token is not valid for the user any more: nothing was written.
    Revoked,
}

/// What was handed out. Each look-up is one read that brings the user along.
#[async_trait]
pub trait CredentialStore: Send + Sync {
    async fn session(&self, digest: &Digest) -> Result<Option<(SessionRow, User)>>;
    /// When it was last used, and whose it is.
    async fn token(&self, digest: &Digest) -> Result<Option<(UnixMillis, User)>>;
    async fn knox(&self, digest: &str) -> Result<Option<(KnoxRow, User)>>;
    async fn extend_knox(&self, digest: &str, expires: UnixMillis) -> Result<()>;
    /// Deletes one that has expired.
    async fn forget_knox(&self, digest: &str) -> Result<()>;
    /// `audit` is written by the same transaction, as in every method that revokes.
    async fn end_all_knox(&self, user: UserId, audit: &AuditEvent) -> Result<()>;
    /// The user and what became of the token, in one read.
    async fn refresh_use(&self, jti: &str, user: UserId) -> Result<(Option<User>, RefreshUse)>;
    /// Stores `new` as the successor of `old`; with `end_old`, `old` is blacklisted in the same transaction. `is_valid`
    /// checks the old token against the user as the transaction reads it: a revocation that was committed meanwhile counts.
    async fn rotate(
        &self,
        old: &str,
        new: &RefreshRow,
        end_old: bool,
        now: UnixMillis,
        is_valid: &(dyn for<'a> Fn(&'a User) -> bool + Sync),
    ) -> Result<Rotated>;
    /// False when it was blacklisted before. A token without a row gets one (R-CMP-05 with simplejwt's tokens).
    async fn blacklist(
        &self,
        jti: &str,
        user: UserId,
        expires: UnixMillis,
        now: UnixMillis,
        audit: &AuditEvent,
    ) -> Result<bool>;
    /// Writes down that a credential was used.
    async fn touch(&self, handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Result<()>;
    /// Ends credentials of the user, and what was begun to be linked to them; the permanent token will be another one
    /// after it.
    async fn end(&self, handles: &[CredentialHandle], user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<()>;
    /// A page of what is signed in, whatever its kind. A token family is one entry.
    async fn credentials_of(&self, user: UserId, page: &CredentialPage) -> Result<Vec<CredentialEntry>>;
    /// Ends every credential of the user: sessions, tokens, knox tokens, refresh tokens; sets `revoked_before` and
    /// raises both generations.
    async fn end_everything(&self, user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<()>;
}
