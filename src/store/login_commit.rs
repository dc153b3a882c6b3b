//! What one login commits, and the result.

use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{
    AccountId, AuditEvent, EmailAddress, MAX_NAME_LEN, NewCredential, NewEvent, User, UserId, truncated,
};
use crate::secrets::Digest;

/// The user and the account of a login, as decided from what was read before. The transaction checks that they are still
/// as they were read.
#[derive(Clone, Debug)]
pub enum LoginTarget {
    /// A known account and its user.
    Known {
        /// The user as read.
        user: Box<User>,
        /// The account.
        account_id: AccountId,
        /// [`SocialAccount::modified`](crate::model::SocialAccount::modified) as read: `LoginCommit::extra_data` was merged
        /// with that row.
        account_modified: UnixMillis,
        /// Whether the login changes the account's extra data.
        is_account_changed: bool,
        /// The account was found by another key; its row gets `LoginCommit::uid` and `LoginCommit::uid_scope`.
        is_rekeyed: bool,
    },
    /// A new account of a known user.
    Link {
        /// The user.
        user_id: UserId,
        /// [`User::link_generation`] as read.
        generation: i64,
        /// The verified address by which the user was found; the user must still have it. `None`: found otherwise.
        by_email: Option<EmailAddress>,
    },
    /// A new user with a new account.
    Create {
        /// Never empty. The user gets the first that is free.
        usernames: Vec<String>,
        /// Empty: none.
        email: String,
        /// Whether `verified_by` verified the address.
        email_verified: bool,
        /// The provider that verified the address; empty: the operator's webhook.
        verified_by: String,
        /// No other user may have the address verified by one of these
        /// ([`UserStore::users_with_verified_email`](crate::store::UserStore::users_with_verified_email)).
        require_unclaimed_by: Vec<String>,
    },
}

impl LoginTarget {
    /// The known user; `None` where one is created.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Known { user, .. } => Some(user.id),
            Self::Link { user_id, .. } => Some(*user_id),
            Self::Create { .. } => None,
        }
    }
}

/// All that one login writes.
#[derive(Clone, Debug)]
pub struct LoginCommit {
    /// The present time.
    pub now: UnixMillis,
    /// The user and the account.
    pub target: LoginTarget,
    /// Name of the account's provider.
    pub provider: String,
    /// The account's uid.
    pub uid: String,
    /// The scope of `uid` ([`SocialAccount::uid_scope`](crate::model::SocialAccount::uid_scope)).
    pub uid_scope: String,
    /// The account's new extra data.
    pub extra_data: Value,
    /// `None`: unchanged; of a new user: empty.
    pub first_name: Option<String>,
    /// As `first_name`.
    pub last_name: Option<String>,
    /// A new username of a known user; `None`: unchanged.
    pub username: Option<String>,
    /// `None`: unchanged.
    pub email: Option<NewEmail>,
    /// Whether the login sets `last_login` (R-SES-03).
    pub set_last_login: bool,
    /// Values of declared fields; null removes one. Fields and names that the user edited stay (R-PIPE-09).
    pub fields: Map<String, Value>,
    /// The provider's tokens, encrypted; `None`: unchanged.
    pub tokens: Option<Vec<u8>>,
    /// A session that this login replaces (SEC-32).
    pub revoked_session: Option<Digest>,
    /// The maximum number of valid knox tokens of a user; `None`: no limit, or another credential.
    pub knox_limit: Option<i64>,
    /// The audit event; the transaction fills in the id of a new user.
    pub audit: AuditEvent,
    /// What the application attached to the login, for the event.
    pub data: Option<Map<String, Value>>,
    /// What the login uses up. It stores [`IssuedCredential::answer`].
    pub consumes: Option<ConsumedCredential>,
}

/// A new e-mail address of a known user.
#[derive(Clone, Debug)]
pub struct NewEmail {
    /// The address, as it is stored.
    pub address: String,
    /// Whether the login's provider verified it.
    pub is_verified: bool,
}

/// What a login uses up.
#[derive(Clone, Debug)]
pub enum ConsumedCredential {
    /// An authorization code, which was claimed before.
    Code(Digest),
    /// The pending login of this flow token. The transaction completes it, or writes nothing.
    StoredPendingLogin(Digest),
}

impl LoginCommit {
    /// Applies the login's changes to the user, except those of fields that the user edited. Returns whether anything but
    /// `last_login` changed.
    pub(in crate::store) fn change(&self, user: &mut User) -> bool {
        let edited = std::mem::take(&mut user.edited);
        let may = |field: &str| !edited.iter().any(|name| name == field);
        let mut changed = false;
        for (field, name, new) in [
            ("first_name", &mut user.first_name, &self.first_name),
            ("last_name", &mut user.last_name, &self.last_name),
        ] {
            let new = new.as_deref().map(|new| truncated(new, MAX_NAME_LEN));
            if let Some(new) = new.filter(|new| *new != name.as_str() && may(field)) {
                new.clone_into(name);
                changed = true;
            }
        }
        if let Some(username) = self.username.as_ref().filter(|new| **new != user.username && may("username")) {
            user.username.clone_from(username);
            changed = true;
        }
        // The same address again, not verified, withdraws its verification.
        let differs =
            |user: &User, new: &NewEmail| new.address != user.email || user.email_verified && !new.is_verified;
        if let Some(new) = self.email.as_ref().filter(|new| may("email") && differs(user, new)) {
            user.email.clone_from(&new.address);
            user.email_verified = new.is_verified;
            user.email_verified_by = if new.is_verified { self.provider.clone() } else { String::new() };
            changed = true;
        }
        for (field, value) in self.fields.iter().filter(|(field, _)| may(field)) {
            changed |= match value {
                Value::Null => user.fields.shift_remove(field).is_some(),
                value => user.fields.insert(field.clone(), value.clone()).as_ref() != Some(value),
            };
        }
        if self.set_last_login {
            user.last_login = Some(self.now);
        }
        user.edited = edited;
        changed
    }
}

/// The credential that a login issues.
#[derive(Debug)]
pub struct IssuedCredential {
    /// The credential's row.
    pub credential: NewCredential,
    /// The encrypted answer, stored for an idempotent repeat.
    pub answer: Option<Vec<u8>>,
}

/// A login of a known account, ready to be written without a read before.
#[derive(Debug)]
pub(in crate::store) struct KnownLogin {
    pub login: LoginCommit,
    /// As the login leaves it.
    pub user: Box<User>,
    /// Whether the login changes more of the user than `last_login`.
    pub is_user_changed: bool,
    pub issued: IssuedCredential,
    pub event: Option<NewEvent>,
}

impl KnownLogin {
    /// Whether the login writes the account's row.
    pub fn changes_account(&self) -> bool {
        let LoginTarget::Known { is_account_changed, is_rekeyed, .. } = self.login.target else { return false };
        is_account_changed || is_rekeyed || self.login.tokens.is_some()
    }
}

/// Result of [`LoginStore::commit_login`](crate::store::LoginStore::commit_login).
#[derive(Debug)]
pub enum Committed {
    /// The user as it is stored now.
    Done(Box<User>),
    /// Something changed after it was read for the decision: nothing was written. Read and decide again (R-PIPE-07).
    Stale,
    /// The user has the maximum number of knox tokens: nothing was written.
    TooManyTokens,
    /// The pending login was completed before, or does not exist: nothing was written.
    AlreadyCompleted,
}
