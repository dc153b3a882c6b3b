//! A time limit on every call of a store, and its metrics.
//!
//! A call that exceeds [`DatabaseLimits::call`] is an error, which becomes 503. The methods of the traits are listed here a second
//! time; without a method this file does not compile.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::accounts::{AccountStore, ReencryptedTokens, StoredAccount, Unlinked};
use super::audit::AuditStore;
use super::authorization_requests::{AuthorizationRequestStore, Claimed, LiveRows};
use super::credentials::{Blacklisting, CredentialStore, NextStep, Revocation, RevokedCredentials, Rotated, Rotation};
use super::deletable_rows::{BoundedRows, ExpiringTable};
use super::error::{Result, StoreError};
use super::events::{EventStore, Lease, Resend};
use super::import::{ImportMode, ImportStore, ImportTable, ImportedRefreshToken, RowOutcome};
use super::login_commit::{Committed, IssuedCredential, LoginCommit};
use super::logins::LoginStore;
use super::rate_limits::{RateLimitStore, SharedUse};
use super::repository::Repository;
use super::schema::Schema;
use super::services::ServiceStore;
use super::signing_keys::SigningKeyStore;
use super::users::{DeletedUser, Updated, UserSearch, UserStore};
use crate::clock::UnixMillis;
use crate::metrics::{Metrics, PoolConnections};
use crate::model::{
    AccountId, AuditEvent, AuditFilter, AuditRecord, AuthorizationRequest, CodeClaim, CredentialEntry,
    CredentialHandle, CredentialQuery, DueEvent, EmailAddress, EventRecord, EventState, FamilyState, KnoxRow,
    OneTimeCode, Service, ServiceName, SessionRow, SigningKey, SigningKeyChange, SocialAccount, StoredPendingLogin,
    TokenRow, TokenUse, UsedCode, User, UserId,
};
use crate::secrets::Digest;
use crate::settings::DatabaseLimits;

/// The limit of one statement: shorter than that of the call, so that the database ends it first.
pub(super) fn statement_timeout(limits: &DatabaseLimits) -> Duration {
    limits.call * 4 / 5
}

/// The limit of the wait for a lock: what is left of a call after the longest wait for a connection.
pub(super) fn lock_timeout(limits: &DatabaseLimits) -> Duration {
    limits.call.saturating_sub(limits.queue).max(limits.call / 5) * 4 / 5
}

/// What [`Limited`] calls before and after each call of a store.
pub(super) trait Backend: Repository {
    /// Errors: the store is known not to work.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Errors: also if the store works now and will not for long.
    fn check_probe(&self) -> Result<()> {
        self.check()
    }

    /// A call succeeded.
    fn on_success(&self) {}

    /// A call failed.
    fn on_error(&self) {}

    /// A call exceeded its limit.
    fn on_timeout(&self) {}
}

pub(super) struct Limited<S> {
    inner: S,
    call: Duration,
    metrics: Metrics,
    /// When the last probe succeeded; `None` after a failed call.
    probed: Mutex<Option<Instant>>,
}

/// Maximum time of a probe: orchestrators do not wait longer.
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);
/// How long a successful probe is remembered, so that frequent probes write no rows.
const PROBE_MAX_AGE: Duration = Duration::from_secs(1);

impl<S: Backend> Limited<S> {
    pub fn new(inner: S, call: Duration, metrics: Metrics) -> Self {
        Self { inner, call, metrics, probed: Mutex::new(None) }
    }

    /// `operation`: the name of the method.
    async fn within<T: Send>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.inner.check()?;
        let started = self.metrics.start();
        let call = call.instrument(tracing::debug_span!("database", operation));
        let ended = tokio::time::timeout(self.call, call).await;
        self.metrics.database_call(operation, started);
        match ended {
            Ok(Err(error)) => {
                self.remember_probe(None);
                self.inner.on_error();
                Err(error)
            }
            Ok(done) => {
                self.inner.on_success();
                done
            }
            Err(_) => {
                self.remember_probe(None);
                self.inner.on_timeout();
                Err(StoreError(format!("no answer within {:?}", self.call).into()))
            }
        }
    }

    fn remember_probe(&self, at: Option<Instant>) {
        *self.probed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

macro_rules! limited {
    ($trait:ident { $(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)* }) => {
        #[async_trait]
        impl<S: Backend> $trait for Limited<S> {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$result> {
                self.within(stringify!($name), self.inner.$name($($argument),*)).await
            })*
        }
    };
}

#[async_trait]
impl<S: Backend> Repository for Limited<S> {
    fn serves_several_nodes(&self) -> bool {
        self.inner.serves_several_nodes()
    }

    fn pool_connections(&self) -> PoolConnections {
        self.inner.pool_connections()
    }

    /// No limit: an index may take minutes.
    async fn migrate(&self) -> Result<()> {
        self.inner.migrate().await
    }

    async fn schema(&self) -> Result<Schema> {
        self.within("schema", self.inner.schema()).await
    }

    async fn probe(&self, now: UnixMillis) -> Result<()> {
        self.inner.check_probe()?;
        let probed = *self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if probed.is_some_and(|at| at.elapsed() < PROBE_MAX_AGE) {
            return Ok(());
        }
        let Ok(answer) = tokio::time::timeout(PROBE_TIMEOUT, self.within("probe", self.inner.probe(now))).await else {
            // A node that is not ready gets no other calls, so only this time limit can replace its connections.
            self.remember_probe(None);
            self.inner.on_timeout();
            return Err(StoreError(format!("no answer within {PROBE_TIMEOUT:?}").into()));
        };
        answer?;
        self.remember_probe(Some(Instant::now()));
        Ok(())
    }

    async fn database_time(&self) -> Result<UnixMillis> {
        self.within("database_time", self.inner.database_time()).await
    }

    /// No limit: a shutdown has its own.
    async fn close(&self) {
        self.inner.close().await;
    }

    async fn delete_expired(&self, table: ExpiringTable, before: UnixMillis) -> Result<u64> {
        self.within("delete_expired", self.inner.delete_expired(table, before)).await
    }

    async fn count_rows(&self, rows: BoundedRows) -> Result<i64> {
        self.within("count_rows", self.inner.count_rows(rows)).await
    }

    async fn delete_oldest(&self, rows: BoundedRows, limit: i64) -> Result<u64> {
        self.within("delete_oldest", self.inner.delete_oldest(rows, limit)).await
    }
}

limited!(AuditStore {
    fn insert_audit_event(event: &AuditEvent) -> ();
    fn audit_events(filter: &AuditFilter, limit: i64) -> Vec<AuditRecord>;
    fn prune_audit(before: UnixMillis) -> u64;
});

limited!(EventStore {
    fn lease_events(lease: Lease, limit: i64) -> Vec<DueEvent>;
    fn event_delivered(id: &str, now: UnixMillis) -> ();
    fn event_failed(id: &str, error: &str, next: Option<UnixMillis>) -> ();
    fn event_untried(id: &str, next: UnixMillis) -> ();
    fn events(state: Option<EventState>, limit: i64) -> Vec<EventRecord>;
    fn event(id: &str) -> Option<EventRecord>;
    fn resend_events(which: Resend<'_>, now: UnixMillis) -> u64;
    fn pending_events() -> i64;
    fn prune_events(before: UnixMillis) -> u64;
});

limited!(AuthorizationRequestStore {
    fn insert_authorization_request(authorization_request: &AuthorizationRequest) -> bool;
    fn authorization_request(key: &Digest) -> Option<AuthorizationRequest>;
    fn has_open_authorization_request(provider: &str, browser: Option<&Digest>, flow: Option<&Digest>, now: UnixMillis) -> bool;
    fn claim(authorization_request: Option<&Digest>, code: Option<&CodeClaim>, now: UnixMillis) -> Claimed;
    fn used_code(code: &Digest) -> Option<UsedCode>;
    fn store_answer(code: &Digest, encrypted_answer: &[u8]) -> ();
    fn extend_claim(code: &Digest, expires: UnixMillis, owner: Option<&Digest>) -> ();
    fn long_lived_claims(owner: &Digest, max: i64, now: UnixMillis) -> i64;
    fn live_rows(now: UnixMillis) -> LiveRows;
    fn insert_one_time_code(code: &OneTimeCode) -> ();
    fn one_time_code(code: &Digest) -> Option<OneTimeCode>;
    fn consume_one_time_code(code: &Digest) -> Option<OneTimeCode>;
    fn insert_pending_login(pending: &StoredPendingLogin) -> ();
    fn pending_login(token: &Digest) -> Option<StoredPendingLogin>;
    fn replace_pending_login(token: &Digest, next: &StoredPendingLogin, encrypted_answer: &[u8], now: UnixMillis) -> bool;
    fn cancel_pending_login(token: &Digest, encrypted_answer: &[u8], now: UnixMillis) -> bool;
});

limited!(UserStore {
    fn user(id: UserId) -> Option<User>;
    fn users_by_email(email: &EmailAddress) -> Vec<User>;
    fn users_with_verified_email(email: &EmailAddress, trusted_email_sources: &[String]) -> Vec<User>;
    fn users(search: UserSearch<'_>, limit: i64) -> Vec<User>;
    fn user_by_username(username: &str) -> Option<User>;
    fn set_active(user: UserId, active: bool, now: UnixMillis) -> bool;
    fn update_user(user: UserId, change: &(dyn for<'a> Fn(&'a User) -> User + Sync), audit: &AuditEvent) -> Updated;
    fn delete_user(user: UserId, audit: &AuditEvent) -> Option<DeletedUser>;
});

limited!(AccountStore {
    fn accounts_by_uid(provider: &str, uids: &[&str]) -> Vec<(SocialAccount, User)>;
    fn uid_scopes(provider: &str) -> Vec<String>;
    fn legacy_uids() -> Vec<(String, i64)>;
    fn accounts_of(user: UserId) -> Vec<SocialAccount>;
    fn unlink(user: UserId, account: AccountId, allows_sign_in: &(dyn for<'a> Fn(&'a SocialAccount) -> bool + Sync), audit: &AuditEvent) -> Unlinked;
    fn account_tokens(user: UserId, account: AccountId) -> Option<StoredAccount>;
    fn lease_tokens(account: AccountId, now: UnixMillis, until: UnixMillis) -> bool;
    fn release_token_lease(account: AccountId) -> ();
    fn encrypted_tokens(after: AccountId, limit: i64) -> Vec<(SocialAccount, Vec<u8>)>;
    fn replace_encrypted_tokens(account: AccountId, old: &[u8], new: &[u8]) -> bool;
    fn drop_tokens(account: AccountId, old: &[u8], audit: &AuditEvent) -> bool;
    fn reencrypt_all(reencrypted: &[ReencryptedTokens]) -> u64;
    fn count_encrypted(prefix: &[u8]) -> i64;
});

limited!(LoginStore {
    fn commit_login(login: LoginCommit, issue: &mut (dyn for<'a> FnMut(&'a User) -> IssuedCredential + Send)) -> Committed;
});

limited!(CredentialStore {
    fn session(digest: &Digest) -> Option<(SessionRow, User)>;
    fn token(digest: &Digest) -> Option<(TokenUse, User)>;
    fn knox(digest: &str) -> Option<(KnoxRow, User)>;
    fn extend_knox(digest: &str, expires: UnixMillis) -> ();
    fn delete_knox(digest: &str) -> ();
    fn revoke_all_knox(user: UserId, audit: &AuditEvent) -> u64;
    fn token_family(jti: &str, user: UserId) -> Option<(User, Option<FamilyState>)>;
    fn access_token_user(user: UserId, since: UnixMillis) -> Option<(User, Vec<String>)>;
    fn families(user: UserId) -> Vec<String>;
    fn revoke_family(family: &str, user: UserId, now: UnixMillis, audit: &AuditEvent) -> bool;
    fn rotate(rotation: &Rotation<'_>, next: &NextStep<'_>) -> Rotated;
    fn blacklist(blacklisting: &Blacklisting<'_>, audit: &AuditEvent) -> bool;
    fn touch(handle: &CredentialHandle, user: UserId, now: UnixMillis) -> ();
    fn revoke(revocation: &Revocation<'_>, audit: &AuditEvent) -> RevokedCredentials;
    fn credentials_of(user: UserId, page: &CredentialQuery) -> Vec<CredentialEntry>;
    fn revoke_all(user: UserId, now: UnixMillis, audit: &AuditEvent) -> RevokedCredentials;
});

limited!(ServiceStore {
    fn insert_service(service: &Service, audit: &AuditEvent) -> bool;
    fn services() -> Vec<Service>;
    fn service(client_id: &str) -> Option<Service>;
    fn remove_service(name: &ServiceName, audit: &AuditEvent) -> bool;
    fn touch_service(client_id: &str, now: UnixMillis) -> ();
});

limited!(ImportStore {
    fn reserve_ids(user: UserId, account: AccountId) -> ();
    fn is_table_empty(table: ImportTable) -> bool;
    fn import_users(users: &[User], mode: ImportMode) -> Vec<RowOutcome>;
    fn import_accounts(accounts: &[StoredAccount], mode: ImportMode) -> Vec<RowOutcome>;
    fn import_tokens(tokens: &[TokenRow], mode: ImportMode) -> Vec<RowOutcome>;
    fn import_knox(tokens: &[KnoxRow], mode: ImportMode) -> Vec<RowOutcome>;
    fn import_refresh(tokens: &[ImportedRefreshToken], mode: ImportMode) -> Vec<RowOutcome>;
    fn import_sessions(sessions: &[SessionRow], mode: ImportMode) -> Vec<RowOutcome>;
});

limited!(RateLimitStore {
    fn use_rate_limit(shared: SharedUse<'_>) -> Option<Duration>;
    fn return_rate_limit(key: &Digest, unused: Duration) -> ();
});

limited!(SigningKeyStore {
    fn signing_keys() -> Vec<SigningKey>;
    fn insert_signing_key(key: &SigningKey) -> bool;
    fn change_signing_keys(changes: &[SigningKeyChange], now: UnixMillis, audit: &[AuditEvent]) -> bool;
    fn replace_encrypted_key(kid: &str, old: &[u8], new: &[u8]) -> bool;
});
