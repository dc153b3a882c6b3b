//! The store of sessions, permanent tokens, knox tokens and refresh tokens.

use async_trait::async_trait;

use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{
    AuditEvent, CredentialEntry, CredentialHandle, CredentialKind, CredentialQuery, FamilyState, KnoxRow,
    PresentedToken, RefreshRefusal, RefreshRow, SessionRow, TokenUse, User, UserId,
};
use crate::secrets::Digest;

/// A refresh that issues a successor of the presented token.
pub struct Rotation<'a> {
    /// The user that the token names.
    pub user: UserId,
    /// The presented token.
    pub token: PresentedToken<'a>,
    /// Whether a successor makes the other tokens of its family invalid (BLACKLIST_AFTER_ROTATION).
    pub blacklists: bool,
    /// Written when the family is revoked.
    pub reuse: &'a AuditEvent,
    /// The current time.
    pub now: UnixMillis,
}

/// What the transaction of a refresh does.
pub enum RefreshStep {
    /// Stores the successor.
    Issue(Box<RefreshRow>),
    /// Revokes the family of the presented token, and cancels requested links.
    RevokeFamily,
    /// Nothing.
    Refuse(RefreshRefusal),
}

/// Decides a refresh, inside its transaction. `None`: the presented token is not stored.
pub type NextStep<'a> = dyn for<'b> Fn(&'b User, Option<&'b FamilyState>) -> RefreshStep + Sync + 'a;

/// Result of [`CredentialStore::rotate`].
#[derive(Debug)]
pub enum Rotated {
    /// The successor is stored.
    Issued {
        /// The user, as the transaction read it.
        user: Box<User>,
        /// The successor.
        row: Box<RefreshRow>,
    },
    /// The family is revoked.
    FamilyRevoked,
    /// Nothing was written.
    Refused(RefreshRefusal),
    /// The user does not exist. Nothing was written.
    UserNotFound,
}

/// A refresh or sliding token to be blacklisted.
pub struct Blacklisting<'a> {
    /// The user that the token names.
    pub user: UserId,
    /// The token.
    pub token: PresentedToken<'a>,
    /// What is revoked.
    pub scope: BlacklistScope,
    /// The current time.
    pub now: UnixMillis,
}

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlacklistScope {
    /// The token alone, as in simplejwt.
    Token,
    /// The token and its family, access tokens included.
    Family,
}

/// Credentials of a user to be revoked.
#[derive(Clone, Copy)]
pub struct Revocation<'a> {
    /// Their user.
    pub user: UserId,
    /// The credentials; a family with its access tokens.
    pub handles: &'a [CredentialHandle],
    /// Also the user's JWTs that simplejwt issued. They are in no list until they are used.
    pub revokes_simplejwt: bool,
    /// The current time.
    pub now: UnixMillis,
}

/// How many credentials of each kind a call revoked. A token family counts as one.
pub type RevokedCredentials = Vec<(CredentialKind, u64)>;

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
    /// Revokes all knox tokens of the user; returns how many. None: there is no audit event.
    async fn revoke_all_knox(&self, user: UserId, audit: &AuditEvent) -> Result<u64>;
    /// The user, and one of its refresh or sliding tokens with its family; `None` for a token that is not stored. One read.
    async fn token_family(&self, jti: &str, user: UserId) -> Result<Option<(User, Option<FamilyState>)>>;
    /// The user, and its token families that were revoked since `since`. One read.
    async fn access_token_user(&self, user: UserId, since: UnixMillis) -> Result<Option<(User, Vec<String>)>>;
    /// The names of the user's token families that have a token which no revocation of its family marked. Such a token may be
    /// blacklisted or expired.
    async fn families(&self, user: UserId) -> Result<Vec<String>>;
    /// Revokes one family with its access tokens, whether or not it has a valid token. False: it was revoked before, and
    /// nothing was written.
    async fn revoke_family(&self, family: &str, user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<bool>;
    /// Refreshes a token. `next` decides from the user and the family as the transaction reads them under a lock, so that
    /// concurrent refreshes and revocations count.
    async fn rotate(&self, rotation: &Rotation<'_>, next: &NextStep<'_>) -> Result<Rotated>;
    /// Blacklists a refresh or sliding token. A token of simplejwt, which has no row, gets one (R-CMP-05). False: it was
    /// blacklisted before, and nothing was written.
    async fn blacklist(&self, blacklisting: &Blacklisting<'_>, audit: &AuditEvent) -> Result<bool>;
    /// Stores when a credential was last used.
    async fn touch(&self, handle: &CredentialHandle, user: UserId, now: UnixMillis) -> Result<()>;
    /// Revokes these credentials of the user and cancels requested links. Where a permanent token is among them, the next login
    /// issues another one. Returns what was not revoked before; the audit event is written if there is any.
    async fn revoke(&self, revocation: &Revocation<'_>, audit: &AuditEvent) -> Result<RevokedCredentials>;
    /// A page of the user's valid credentials of all kinds. A token family is one entry.
    async fn credentials_of(&self, user: UserId, page: &CredentialQuery) -> Result<Vec<CredentialEntry>>;
    /// Revokes every credential of the user, JWTs included, and cancels requested links.
    async fn revoke_all(&self, user: UserId, now: UnixMillis, audit: &AuditEvent) -> Result<RevokedCredentials>;
}
