//! The store of users.

use async_trait::async_trait;

use super::accounts::StoredAccount;
use super::credentials::RevokedCredentials;
use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, EmailAddress, User, UserId};

/// Result of [`UserStore::update_user`].
#[derive(Debug)]
pub enum Updated {
    /// The user as it is stored now.
    Done(Box<User>),
    /// Another user has the username: nothing was written.
    UsernameTaken,
    /// There is no such user.
    NotFound,
}

/// Which users are listed. ASCII letters match in any case.
#[derive(Clone, Copy, Debug)]
pub enum UserSearch<'a> {
    /// All users.
    All,
    /// Users whose username, e-mail address, domain of it, first or last name begins with this text, or what follows the first
    /// word of the last name; or who have an account with exactly this uid. Reads indexes. Of more matches than the limit, any.
    Prefix(&'a str),
    /// Users whose username, e-mail address, first or last name contains this text. Reads all users.
    Substring(&'a str),
}

/// What a deleted user had.
#[derive(Debug)]
pub struct DeletedUser {
    /// The social accounts.
    pub accounts: Vec<StoredAccount>,
    /// The credentials.
    pub credentials: RevokedCredentials,
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// The user with this id.
    async fn user(&self, id: UserId) -> Result<Option<User>>;
    /// The user with exactly this username.
    async fn user_by_username(&self, username: &str) -> Result<Option<User>>;
    /// Users with this e-mail address ([`EmailAddress::is_same_as_stored`]), verified or not; at most 100.
    async fn users_by_email(&self, email: &EmailAddress) -> Result<Vec<User>>;
    /// Users for whom one of `trusted_email_sources` verified this address (SEC-23); at most 100.
    async fn users_with_verified_email(
        &self,
        email: &EmailAddress,
        trusted_email_sources: &[String],
    ) -> Result<Vec<User>>;
    /// By id, at most `limit`.
    async fn users(&self, search: UserSearch<'_>, limit: i64) -> Result<Vec<User>>;
    /// Activates or deactivates a user for an operator. A change revokes every credential of the user and writes an audit
    /// event, in one transaction. False: there is no such user.
    async fn set_active(&self, user: UserId, active: bool, now: UnixMillis) -> Result<bool>;
    /// Stores what `change` makes of the user: names, e-mail address and its verification, declared fields, edited fields.
    /// Writes `audit` where anything changes. Concurrent changes of one user follow each other.
    async fn update_user(
        &self,
        user: UserId,
        change: &(dyn for<'a> Fn(&'a User) -> User + Sync),
        audit: &AuditEvent,
    ) -> Result<Updated>;
    /// Deletes the user with everything that belongs to it, except the audit log and undelivered webhook events; writes
    /// `audit`. `None`: there is no such user.
    async fn delete_user(&self, user: UserId, audit: &AuditEvent) -> Result<Option<DeletedUser>>;
}
