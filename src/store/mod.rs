//! The repository: every statement of SQL stands below this file, and no caller sees a row type or a dialect.
//!
//! Written once for both databases. A login writes twice: [`Repository::claim`], committed before the first
//! provider call, and [`Repository::commit_login`], one transaction for all its results. No caller holds a transaction.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::clock::UnixMillis;
use crate::model::{
    AuditEvent, AuditFilter, AuditRecord, AuthorizationRequest, CodeClaim, CredentialEntry, CredentialHandle,
    CredentialPage, DueEvent, EmailAddress, EventFactory, EventRecord, EventState, KnoxRow, NewCredential, NewEvent,
    OneTimeCode, RefreshRow, RefreshUse, SessionRow, SocialAccount, StoredPendingLogin, UsedCode, User, UserId,
};
use crate::secrets::{Digest, ExposeSecret, SecretString};
use crate::settings::{DatabaseLimits, SettingError};

pub mod django;
mod explained;
mod group;
pub mod import;
mod limited;
mod postgres;
mod rows;
mod sql;
mod sqlite;
mod sweep;

pub use self::explained::LATER_RELEASE;
pub use self::import::ImportStore;
pub use self::sweep::{BoundedRows, ExpiringTable, in_batches, sweep};

pub type Result<T> = std::result::Result<T, StoreError>;

/// The database did not do what it should: outward always 503 `database_unavailable`; the cause goes to the log.
#[derive(Debug, thiserror::Error)]
#[error("{}", explained::explained(.0.as_ref()))]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Whose login it is.
#[derive(Clone, Debug)]
pub enum LoginTarget {
    /// The account is known, and its user as read when this was decided. `read`: [`SocialAccount::modified`] of the row that the
    /// new `LoginCommit::extra_data` was merged with. `rekeyed`: it was found by another key, and its row gets
    /// `LoginCommit::uid` and `LoginCommit::uid_scope`.
    Known { user: Box<User>, account_id: i64, read: UnixMillis, rekeyed: bool },
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
    fn change(&self, user: &mut User) -> bool {
        let edited = std::mem::take(&mut user.edited);
        let may = |field: &str| !edited.iter().any(|name| name == field);
        let mut changed = false;
        for (field, name, new) in [
            ("first_name", &mut user.first_name, &self.first_name),
            ("last_name", &mut user.last_name, &self.last_name),
        ] {
            let new = new.as_deref().map(|new| sql::cut(new, sql::LONGEST_NAME));
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
struct KnownLogin {
    login: LoginCommit,
    /// As the login leaves it.
    user: Box<User>,
    /// Whether a name or a declared field is another one now.
    changed: bool,
    written: IssuedCredential,
    event: Option<NewEvent>,
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

/// Rows by table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveRows {
    pub authorization_requests: i64,
    pub used_codes: i64,
    pub pending_logins: i64,
    pub one_time_codes: i64,
}

#[derive(Debug)]
pub enum Claimed {
    Ours,
    /// The attempt was claimed before, or is gone.
    RequestAlreadyUsed,
    CodeUsed(UsedCode),
}

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

/// Encrypted provider tokens of an account that take the place of `old`.
#[derive(Clone, Debug)]
pub struct ReencryptedTokens {
    pub account: i64,
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

/// How the database's schema stands to this release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    Current,
    /// There are no tables: `migrate` makes them.
    Empty,
    /// An earlier release made the tables: `migrate` changes them.
    Behind,
    /// A later release made it.
    Ahead,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Rotated {
    Done,
    /// The token was already rotated or blacklisted: nothing was written.
    Spent,
    /// The token is not valid for the user any more: nothing was written.
    Revoked,
}

/// All of the store.
#[async_trait]
pub trait Repository:
    AuthorizationRequestStore + UserStore + CredentialStore + AuditStore + EventStore + ImportStore
{
    /// Brings the schema up to this release.
    async fn migrate(&self) -> Result<()>;
    /// Reads only.
    async fn schema(&self) -> Result<Schema>;
    /// Whether a login could be written now: writes a row of its own, and takes the lock on the users that a login takes.
    /// [`open_with`] limits remember a success for a second.
    async fn probe(&self, now: UnixMillis) -> Result<()>;
    async fn close(&self);
    /// Deletes a batch of rows that expired by `before`; returns how many. [`sweep`] deletes all.
    async fn delete_expired(&self, table: ExpiringTable, before: UnixMillis) -> Result<u64>;
    async fn count_rows(&self, rows: BoundedRows) -> Result<i64>;
    /// Deletes at most `most` rows, the oldest first; returns how many.
    async fn delete_oldest(&self, rows: BoundedRows, most: i64) -> Result<u64>;
}

/// What happened (SEC-45).
#[async_trait]
pub trait AuditStore: Send + Sync {
    async fn audit(&self, event: &AuditEvent) -> Result<()>;
    /// The newest first, at most `most`.
    async fn audit_trail(&self, wanted: &AuditFilter, most: i64) -> Result<Vec<AuditRecord>>;
    /// Deletes one batch of rows from before `before`; returns how many. [`in_batches`] deletes all.
    async fn prune_audit(&self, before: UnixMillis) -> Result<u64>;
}

/// Which events are to be sent again.
#[derive(Clone, Copy, Debug)]
pub enum Resend<'a> {
    One(&'a str),
    Dead,
}

/// When events are taken, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub now: UnixMillis,
    pub until: UnixMillis,
    /// No pause ends later: what is due after it was written by a clock that stood wrong, and is due now.
    pub never_after: UnixMillis,
}

/// The outbox: what the operator's software is still to be told, and was. Rows are written by the transactions of
/// [`UserStore`], where the store was opened with somebody who wants them.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// At most `most` events that are due, the longest waiting first: the caller's until `lease.until`, when they fall
    /// due again. Of several nodes one gets an event, and none waits for another.
    async fn lease_events(&self, lease: Lease, most: i64) -> Result<Vec<DueEvent>>;
    async fn event_delivered(&self, id: &str, now: UnixMillis) -> Result<()>;
    /// `next`: when it is tried again; `None`: never.
    async fn event_failed(&self, id: &str, error: &str, next: Option<UnixMillis>) -> Result<()>;
    /// It was not tried after all: it falls due at `next`, with as many tries as before the lease.
    async fn event_untried(&self, id: &str, next: UnixMillis) -> Result<()>;
    /// The newest first.
    async fn events(&self, state: Option<EventState>, most: i64) -> Result<Vec<EventRecord>>;
    async fn event(&self, id: &str) -> Result<Option<EventRecord>>;
    /// Makes them due now, as if they had never been tried; returns how many.
    async fn resend_events(&self, which: Resend<'_>, now: UnixMillis) -> Result<u64>;
    /// Deletes one batch of what was delivered or given up, of events from before `before`; returns how many. [`in_batches`]
    /// deletes all.
    async fn prune_events(&self, before: UnixMillis) -> Result<u64>;
}

/// Begun logins, claims on codes, and answers kept for whoever may fetch them.
#[async_trait]
pub trait AuthorizationRequestStore: Send + Sync {
    async fn insert_authorization_request(&self, authorization_request: &AuthorizationRequest) -> Result<()>;
    /// Expired and claimed ones too, for as long as the sweeper leaves them.
    async fn authorization_request(&self, key: &Digest) -> Result<Option<AuthorizationRequest>>;
    /// Whether an unclaimed, unexpired attempt at `provider` was begun with this attempt cookie or flow token, to be
    /// finished on a login route.
    async fn has_open_authorization_request(
        &self,
        provider: &str,
        browser: Option<&Digest>,
        flow: Option<&Digest>,
        now: UnixMillis,
    ) -> Result<bool>;
    /// The short claim: marks the attempt as spent and the code as used, both or neither. A code of `None` spends the
    /// attempt alone (the provider said no).
    async fn claim(
        &self,
        authorization_request: Option<&Digest>,
        code: Option<&CodeClaim>,
        now: UnixMillis,
    ) -> Result<Claimed>;
    /// The claim on a code, to wait for its answer.
    async fn used_code(&self, code: &Digest) -> Result<Option<UsedCode>>;
    /// Keeps the sealed answer of a login that failed.
    async fn keep_answer(&self, code: &Digest, answer: &[u8]) -> Result<()>;
    /// Lets the claim of a code that the provider refused expire at `expires` at the latest.
    async fn shorten_claim(&self, code: &Digest, expires: UnixMillis) -> Result<()>;
    /// Rows of the tables that callers without a credential can fill, as far as they still protect a login: neither
    /// expired nor finished.
    async fn live_rows(&self, now: UnixMillis) -> Result<LiveRows>;

    /// Keeps the answer of a login for whoever holds the code.
    async fn insert_one_time_code(&self, swap: &OneTimeCode) -> Result<()>;
    /// Leaves it there.
    async fn swap(&self, code: &Digest) -> Result<Option<OneTimeCode>>;
    /// Hands it out once.
    async fn take_one_time_code(&self, code: &Digest) -> Result<Option<OneTimeCode>>;

    /// Keeps a login that waits for the person.
    async fn insert_pending_login(&self, halt: &StoredPendingLogin) -> Result<()>;
    /// Expired and taken ones too, for as long as the sweeper leaves them.
    async fn halt(&self, token: &Digest) -> Result<Option<StoredPendingLogin>>;
    /// Takes the one that waits under `token`, with its sealed answer, and keeps `next`: both or neither. False: it was
    /// taken before, or is gone.
    async fn replace_pending_login(
        &self,
        token: &Digest,
        next: &StoredPendingLogin,
        answer: &[u8],
        now: UnixMillis,
    ) -> Result<bool>;
}

/// Users and the accounts that sign them in.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// The accounts of these uids in every scope, with their users, in order of creation: one read.
    async fn accounts_by_uid(&self, provider: &str, uids: &[&str]) -> Result<Vec<(SocialAccount, User)>>;
    /// The scopes that the provider's uids are unique within, at most 100. Reads all accounts of the provider.
    async fn uid_scopes(&self, provider: &str) -> Result<Vec<String>>;
    /// How many accounts are stored under a key of an earlier release, by provider.
    async fn legacy_uids(&self) -> Result<Vec<(String, i64)>>;
    async fn user(&self, id: UserId) -> Result<Option<User>>;
    /// Users with this e-mail address ([`EmailAddress::is_same_as_stored`]).
    async fn users_by_email(&self, email: &EmailAddress) -> Result<Vec<User>>;
    /// Users whose address this is on the word of one of `trusted_email_sources`.
    async fn users_with_verified_email(
        &self,
        email: &EmailAddress,
        trusted_email_sources: &[String],
    ) -> Result<Vec<User>>;
    /// In order of creation.
    async fn accounts_of(&self, user: UserId) -> Result<Vec<SocialAccount>>;
    /// Takes an account from its user, unless it is the last one that signs them in: `counts` says of a provider's name
    /// whether its accounts can. Two at once leave one (SEC-25).
    async fn unlink(
        &self,
        user: UserId,
        account: i64,
        counts: &(dyn for<'a> Fn(&'a str) -> bool + Sync),
        audit: &AuditEvent,
    ) -> Result<Unlinked>;
    /// The account and the provider's sealed tokens, if it is the user's.
    async fn account_tokens(&self, user: UserId, account: i64) -> Result<Option<EncryptedTokens>>;
    /// Whether the caller is the one who refreshes the tokens now, until `until`; of several nodes one is.
    async fn lease_tokens(&self, account: i64, now: UnixMillis, until: UnixMillis) -> Result<bool>;
    async fn end_lease(&self, account: i64) -> Result<()>;
    /// Sealed tokens of accounts after `after` in the order of their ids, with what they are bound to.
    async fn encrypted_tokens(&self, after: i64, most: i64) -> Result<Vec<(SocialAccount, Vec<u8>)>>;
    /// Puts `new` in the place of `old`, unless another call replaced them meanwhile.
    async fn replace_encrypted_tokens(&self, account: i64, old: &[u8], new: &[u8]) -> Result<bool>;
    /// Drops `old` and leaves an audit row, unless another call replaced them meanwhile; one transaction.
    async fn drop_tokens(&self, account: i64, old: &[u8], audit: &AuditEvent) -> Result<bool>;
    /// [`Self::replace_encrypted_tokens`] for many, a few hundred in each statement; returns how many were replaced.
    async fn reencrypt_all(&self, reencrypted: &[ReencryptedTokens]) -> Result<u64>;
    /// How many of the sealed texts begin so: [`crate::secrets::TokenCipher::marks`] says how a key's do. Of none: all.
    async fn count_encrypted(&self, beginning: &[u8]) -> Result<i64>;
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
    /// The one transaction of a login. `make` is called once, with the user as stored, before the credential is.
    async fn commit_login(
        &self,
        login: LoginCommit,
        make: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send),
    ) -> Result<Committed>;
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

/// How a database is opened.
#[derive(Default)]
pub struct Opening {
    /// Makes the SQLite file where there is none.
    pub create: bool,
    /// Asked in each transaction about a user for the event that is written along.
    pub event_factory: Option<EventFactory>,
    /// `None`: calls take as long as they take, as a command of an operator needs it.
    pub limits: Option<DatabaseLimits>,
}

/// Opens the database that DATABASE_URL names, without limits; `create` makes the SQLite file where there is none.
///
/// Errors name the setting, never the URL's password.
pub async fn open(database_url: &SecretString, create: bool) -> std::result::Result<Arc<dyn Repository>, SettingError> {
    open_with(database_url, Opening { create, ..Opening::default() }).await
}

/// Whether DATABASE_URL names an SQLite file that does not exist.
pub fn is_missing_file(database_url: &SecretString) -> bool {
    let url = database_url.expose_secret();
    url.starts_with("sqlite:") && sqlite::is_missing(url)
}

/// Opens the database that DATABASE_URL names. Errors as [`open`].
pub async fn open_with(
    database_url: &SecretString,
    opening: Opening,
) -> std::result::Result<Arc<dyn Repository>, SettingError> {
    let url = database_url.expose_secret();
    let wrong = |problem: String| SettingError::new("DATABASE_URL", problem);
    let limits = opening.limits;
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => Ok(within(sqlite::open(url, opening).await.map_err(wrong)?, limits)),
        Some("postgres" | "postgresql") => Ok(within(postgres::open(url, opening).await.map_err(wrong)?, limits)),
        _ => Err(wrong("must begin with sqlite: or postgres:".to_owned())),
    }
}

fn within<S: limited::Backend + 'static>(store: S, limits: Option<DatabaseLimits>) -> Arc<dyn Repository> {
    match limits {
        Some(limits) => Arc::new(limited::Limited::new(store, limits.call)),
        None => Arc::new(store),
    }
}
