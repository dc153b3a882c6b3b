//! Users.

use async_trait::async_trait;

use super::accounts::EncryptedTokens;
use super::error::Result;
use crate::clock::UnixMillis;
use crate::model::{AuditEvent, EmailAddress, User, UserId};

#[derive(Debug)]
pub enum Updated {
    Done(Box<User>),
    /// Somebody else has the username: nothing was written.
    UsernameTaken,
    /// There is no such user.
    NotFound,
}

/// Which users are listed. ASCII letters match in any case.
#[derive(Clone, Copy, Debug)]
pub enum UserSearch<'a> {
    All,
    /// Those whose username or e-mail address begins with this, or who have an account of exactly this uid. Reads indexes.
    Prefix(&'a str),
    /// Those whose username, e-mail address, first or last name contains this. Reads all users.
    Substring(&'a str),
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    async fn user(&self, id: UserId) -> Result<Option<User>>;
    /// Users with this e-mail address ([`EmailAddress::is_same_as_stored`]).
    async fn users_by_email(&self, email: &EmailAddress) -> Result<Vec<User>>;
    /// Users whose address this is on the word of one of `trusted_email_sources`.
    async fn users_with_verified_email(
        &self,
        email: &EmailAddress,
        trusted_email_sources: &[String],
    ) -> Result<Vec<User>>;
    /// In the order of their ids, at most `most`.
    async fn users(&self, search: UserSearch<'_>, most: i64) -> Result<Vec<User>>;
    async fn user_by_username(&self, username: &str) -> Result<Option<User>>;
    /// An operator's act, which ends every credential of the user and leaves an audit row, where it changes anything; one
    /// transaction. False: there is no such user.
    async fn set_active(&self, user: UserId, active: bool, now: UnixMillis) -> Result<bool>;
    /// Writes what `change` makes of the user: names, e-mail and its verification, declared fields, what was edited.
    /// Changes of one user at once follow each other.
    async fn update_user(
        &self,
        user: UserId,
        change: &(dyn for<'a> Fn(&'a User) -> User + Sync),
        audit: &AuditEvent,
    ) -> Result<Updated>;
    /// With all that is theirs, of which it returns the accounts; the audit trail stays. `None`: there is no such user.
    async fn delete_user(&self, user: UserId, audit: &AuditEvent) -> Result<Option<Vec<EncryptedTokens>>>;
}
