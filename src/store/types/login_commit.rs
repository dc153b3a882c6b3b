//! All that one login writes, and what becomes of it.

use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{AccountId, AuditEvent, EmailAddress, NewCredential, NewEvent, User, UserId};
use crate::secrets::Digest;
use crate::store::names::{MAX_NAME_LEN, truncated};

/// Whose login it is.
#[derive(Clone, Debug)]
pub enum LoginTarget {
    /// The account is known, and its user as read when this was decided. `read`: [`SocialAccount::modified`] of the row that the
    /// new `LoginCommit::extra_data` was merged with. `rekeyed`: it was found by another key, and its row gets
    /// `LoginCommit::uid` and `LoginCommit::uid_scope`.
    Known { user: Box<User>, account_id: AccountId, read: UnixMillis, rekeyed: bool },
    /// A new account for a user who exists. `generation`: the `link_generation` that this was decided on. `by_email`: who
    /// was found by this verified address, and must have it still.
    Attach { user_id: UserId, generation: i64, by_email: Option<EmailAddress> },
    /// A new user with a new account. The first username that is free is taken; the list is never empty. `verified_by`:
    /// whose word makes the address a verified one. `require_unclaimed_by`: on their word nobody else may hold the address
    /// ([`UserStore::users_with_verified_email`]); empty: whoever may.
    Create {
        usernames: Vec<String>,
        email: String,
        email_verified: bool,
        verified_by: String,
        require_unclaimed_by: Vec<String>,
    },
}

impl LoginTarget {
    /// Nobody yet, where a user is created.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Known { user, .. } => Some(user.id),
            Self::Attach { user_id, .. } => Some(*user_id),
            Self::Create { .. } => None,
        }
    }
}

/// All that one login writes.
#[derive(Clone, Debug)]
pub struct LoginCommit {
    pub now: UnixMillis,
    pub who: LoginTarget,
    pub provider: String,
    pub uid: String,
    pub uid_scope: String,
    pub extra_data: Value,
    /// New names; `None` leaves them (for a user who is created: empty).
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Of somebody known, where the login changes it; of the address also whether somebody vouches for it.
    pub username: Option<String>,
    pub email: Option<(String, bool)>,
    pub set_last_login: bool,
    /// Declared fields of the user; those that the user edited stay as they are, and so do the names.
    pub fields: Map<String, Value>,
    /// The provider's tokens, sealed; `None` leaves what is there.
    pub tokens: Option<Vec<u8>>,
    /// A session that this login replaces (SEC-32).
    pub end_session: Option<Digest>,
    /// Most live knox tokens of a user, where the login hands one out.
    pub knox_limit: Option<i64>,
    pub audit: AuditEvent,
    /// What gets `IssuedCredential::answer`, where that is kept.
    pub ends: Option<ConsumedCredential>,
}

/// What a login ends.
#[derive(Clone, Debug)]
pub enum ConsumedCredential {
    /// A code that was claimed before.
    Code(Digest),
    /// A login that waited under this flow token: it is taken by the transaction itself, or nothing is written.
    StoredPendingLogin(Digest),
}

impl LoginCommit {
    /// Puts onto the user what the login changes, except where the user made a change; true when there is something to
    /// write.
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
        // The same address stays as it was vouched for.
        if let Some((email, verified)) = self.email.as_ref().filter(|(new, _)| *new != user.email && may("email")) {
            user.email.clone_from(email);
            user.email_verified = *verified;
            changed = true;
        }
        for (field, value) in self.fields.iter().filter(|(field, _)| may(field)) {
            changed |= match value {
                serde_json::Value::Null => user.fields.shift_remove(field).is_some(),
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

/// What the credential's maker hands back inside the transaction, when the user's id is known.
#[derive(Debug)]
pub struct IssuedCredential {
    pub credential: NewCredential,
    /// The sealed answer, kept for the same browser's repeat.
    pub answer: Option<Vec<u8>>,
}

/// A login of a known account, ready to be written: nothing of it is read from the database first.
#[derive(Debug)]
pub(in crate::store) struct KnownLogin {
    pub login: LoginCommit,
    /// As the login leaves it.
    pub user: Box<User>,
    /// Whether a name or a declared field is another one now.
    pub changed: bool,
    pub written: IssuedCredential,
    pub event: Option<NewEvent>,
}

#[derive(Debug)]
pub enum Committed {
    Done(Box<User>),
    /// What the decision rested on has changed since it was read (a lost race, R-PIPE-07): read again and decide anew.
    Stale,
    /// The user has as many knox tokens as may be: nothing was written.
    TooManyTokens,
    /// The login that waited was taken before, or is gone: nothing was written.
    Taken,
}
